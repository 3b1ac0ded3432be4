//! stub
#![allow(missing_docs)]
pub struct Settings {
    pub computes: usize,
}
impl Default for Settings {
    fn default() -> Self {
        Self { computes: 3 }
    }
}
pub struct Cloud;
pub struct Account {
    pub user: String,
    pub password: String,
    pub project: String,
}
pub struct Accounts {
    pub admin: Account,
    pub member: Account,
}
impl Cloud {
    pub async fn start(_: Settings) -> std::io::Result<Self> {
        Ok(Self)
    }
    pub fn auth_url(&self) -> String {
        String::new()
    }
    pub fn accounts(&self) -> Accounts {
        unreachable!()
    }
}
