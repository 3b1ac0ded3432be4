//! Who may do what: one table of Nova's rules.

use crate::sim::settings::Release;

/// Who asks, by the token that came with the request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user's id.
    pub user: String,
    /// The project that the token is for.
    pub project: String,
    /// `admin`, `manager`, `member`, `reader`.
    pub roles: Vec<String>,
    /// This request's id.
    pub request_id: String,
}

impl Caller {
    /// Whether the caller is the operator; Nova asks for the role in whatever project.
    pub fn is_admin(&self) -> bool {
        self.has("admin")
    }

    fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }
}

/// Who passes a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// Anybody with a token.
    Anyone,
    /// The operator.
    Admin,
    /// A reader of the project, or the operator.
    Reader,
    /// A member of the project, or the operator.
    Member,
    /// A manager of the project, or the operator; before release 32 the operator only.
    Manager,
}

/// Declares the rules: name in code, name in Nova, who passes.
macro_rules! rules {
    ($($rule:ident $name:literal $pass:ident;)*) => {
        /// A rule of Nova's policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Rule {
            $(#[doc = $name] $rule,)*
        }

        impl Rule {
            /// The rule's name, as a refusal shows it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$rule => concat!("os_compute_api:", $name),)* }
            }

            const fn pass(self) -> Pass {
                match self { $(Self::$rule => Pass::$pass,)* }
            }
        }
    };
}

rules! {
    ServersIndex "servers:index" Reader;
    ServersDetail "servers:detail" Reader;
    ServersIndexAll "servers:index:get_all_tenants" Admin;
    ServersDetailAll "servers:detail:get_all_tenants" Admin;
    ServersAdminFilters "servers:allow_all_filters" Admin;
    ServersShow "servers:show" Reader;
    HostStatus "servers:show:host_status" Admin;
    ExtendedAttributes "os-extended-server-attributes" Admin;
    ServersCreate "servers:create" Member;
    ForcedHost "servers:create:forced_host" Admin;
    RequestedDestination "compute:servers:create:requested_destination" Admin;
    ServersUpdate "servers:update" Member;
    ServersDelete "servers:delete" Member;
    Restore "os-deferred-delete:restore" Member;
    ForceDelete "os-deferred-delete:force" Member;
    MetadataShow "server-metadata:show" Reader;
    MetadataIndex "server-metadata:index" Reader;
    MetadataCreate "server-metadata:create" Member;
    MetadataUpdate "server-metadata:update" Member;
    MetadataUpdateAll "server-metadata:update_all" Member;
    MetadataDelete "server-metadata:delete" Member;
    TagsIndex "os-server-tags:index" Reader;
    TagsShow "os-server-tags:show" Reader;
    TagsUpdate "os-server-tags:update" Member;
    TagsUpdateAll "os-server-tags:update_all" Member;
    TagsDelete "os-server-tags:delete" Member;
    TagsDeleteAll "os-server-tags:delete_all" Member;
    LiveMigrate "os-migrate-server:migrate_live" Manager;
    LiveMigrateHost "os-migrate-server:migrate_live:host" Admin;
    Pause "os-pause-server:pause" Member;
    Unpause "os-pause-server:unpause" Member;
    Suspend "os-suspend-server:suspend" Member;
    Resume "os-suspend-server:resume" Member;
    Start "servers:start" Member;
    Stop "servers:stop" Member;
    Reboot "servers:reboot" Member;
    Lock "os-lock-server:lock" Member;
    Unlock "os-lock-server:unlock" Member;
    UnlockOthers "os-lock-server:unlock:unlock_override" Admin;
    ResetState "os-admin-actions:reset_state" Admin;
    ServerMigrationsIndex "servers:migrations:index" Manager;
    ServerMigrationsShow "servers:migrations:show" Admin;
    ServerMigrationsHost "servers:migrations:index:host" Admin;
    ForceComplete "servers:migrations:force_complete" Manager;
    AbortMigration "servers:migrations:delete" Manager;
    MigrationsIndex "os-migrations:index" Manager;
    MigrationsIndexAll "os-migrations:index:all_projects" Admin;
    MigrationsHost "os-migrations:index:host" Admin;
    ActionsList "os-instance-actions:list" Reader;
    ActionsShow "os-instance-actions:show" Reader;
    ActionsEvents "os-instance-actions:events" Admin;
    ActionsDetails "os-instance-actions:events:details" Admin;
    ServicesList "os-services:list" Admin;
    ServicesUpdate "os-services:update" Admin;
    HypervisorsList "os-hypervisors:list" Admin;
    HypervisorsDetail "os-hypervisors:list-detail" Admin;
    HypervisorsShow "os-hypervisors:show" Admin;
    HypervisorsStatistics "os-hypervisors:statistics" Admin;
    HypervisorsSearch "os-hypervisors:search" Admin;
    HypervisorsServers "os-hypervisors:servers" Admin;
    HypervisorsUptime "os-hypervisors:uptime" Admin;
    ZonesList "os-availability-zone:list" Anyone;
    ZonesDetail "os-availability-zone:detail" Admin;
    AggregatesIndex "os-aggregates:index" Admin;
    AggregatesShow "os-aggregates:show" Admin;
    AggregatesCreate "os-aggregates:create" Admin;
    AggregatesDelete "os-aggregates:delete" Admin;
    AggregatesAddHost "os-aggregates:add_host" Admin;
    AggregatesRemoveHost "os-aggregates:remove_host" Admin;
    AggregatesSetMetadata "os-aggregates:set_metadata" Admin;
    GroupsIndex "os-server-groups:index" Reader;
    GroupsShow "os-server-groups:show" Reader;
    GroupsCreate "os-server-groups:create" Member;
    GroupsDelete "os-server-groups:delete" Member;
    QuotaShow "os-quota-sets:show" Reader;
    QuotaDetail "os-quota-sets:detail" Reader;
    QuotaUpdate "os-quota-sets:update" Admin;
    QuotaDelete "os-quota-sets:delete" Admin;
    LimitsOtherProject "limits:other_project" Admin;
    FlavorsCreate "os-flavor-manage:create" Admin;
    FlavorsUpdate "os-flavor-manage:update" Admin;
    FlavorsDelete "os-flavor-manage:delete" Admin;
    FlavorAccess "os-flavor-access" Admin;
    FlavorAccessAdd "os-flavor-access:add_tenant_access" Admin;
    FlavorAccessRemove "os-flavor-access:remove_tenant_access" Admin;
    ExtraSpecsCreate "os-flavor-extra-specs:create" Admin;
    ExtraSpecsUpdate "os-flavor-extra-specs:update" Admin;
    ExtraSpecsDelete "os-flavor-extra-specs:delete" Admin;
    KeyPairsIndexOthers "os-keypairs:index" Admin;
    KeyPairsShowOthers "os-keypairs:show" Admin;
    KeyPairsCreateOthers "os-keypairs:create" Admin;
    KeyPairsDeleteOthers "os-keypairs:delete" Admin;
    QuotaClassShow "os-quota-class-sets:show" Admin;
    QuotaClassUpdate "os-quota-class-sets:update" Admin;
    AggregatesUpdate "os-aggregates:update" Admin;
    InterfacesList "os-attach-interfaces:list" Reader;
}

/// Whether `caller` passes `rule` for something that belongs to `project`.
pub fn allows(release: Release, caller: &Caller, rule: Rule, project: &str) -> bool {
    if caller.is_admin() {
        return true;
    }
    let own = caller.project == project;
    let any = |roles: &[&str]| roles.iter().any(|role| caller.has(role));
    match (rule.pass(), release) {
        (Pass::Anyone, _) => true,
        (Pass::Admin, _) | (Pass::Manager, Release::Zed26) => false,
        // The deprecated "admin or owner" still counts there: any role in the project will do.
        (Pass::Reader | Pass::Member, Release::Zed26) => own,
        (Pass::Reader, Release::V34) => own && any(&["reader", "member", "manager"]),
        (Pass::Member, Release::V34) => own && any(&["member", "manager"]),
        (Pass::Manager, Release::V34) => own && any(&["manager"]),
    }
}
