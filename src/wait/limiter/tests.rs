//! Pacing on a paused clock.

use futures_util::future::join_all;
use tokio::task::JoinHandle;

use super::*;

const PATIENT: Duration = Duration::from_secs(3600);

fn limiter(at_once: usize, per_second: Option<f64>) -> Limiter {
    Limiter::new(Limits { at_once, per_second })
}

async fn permit(limiter: &Limiter) -> Permit {
    limiter.permit(PATIENT).await.expect("nobody asked for a long pause")
}

/// When each of `count` that end at once could start.
async fn starts(limiter: &Limiter, count: usize) -> Vec<Duration> {
    let began = Instant::now();
    let mut starts = Vec::new();
    for _ in 0..count {
        drop(permit(limiter).await);
        starts.push(began.elapsed());
    }
    starts
}

/// So many start together, and all are refused.
async fn storm(limiter: &Limiter, count: usize, pause: Duration) {
    let storm = join_all((0..count).map(|_| permit(limiter))).await;
    storm.into_iter().for_each(|permit| permit.refused(pause));
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_limited_nobody_waits() {
    let began = Instant::now();
    let wide = limiter(16, None);
    let permits = join_all((0..16).map(|_| permit(&wide))).await;
    assert!(permits.iter().all(|permit| permit.held().is_zero()));
    assert_eq!(starts(&limiter(1, None), 1000).await.last(), Some(&Duration::ZERO));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn so_many_are_on_their_way_at_once_and_the_others_start_in_the_order_of_asking() {
    let limiter = limiter(2, None);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks: Vec<JoinHandle<Duration>> = Vec::new();
    for number in 0..6 {
        let (limiter, order) = (limiter.clone(), order.clone());
        tasks.push(tokio::spawn(async move {
            let permit = permit(&limiter).await;
            order.lock().unwrap().push((number, limiter.state().in_flight));
            tokio::time::sleep(ms(100)).await;
            permit.held()
        }));
    }
    let held: Vec<u128> =
        join_all(tasks).await.into_iter().map(|held| held.unwrap().as_millis()).collect();
    assert_eq!(held, [0, 0, 100, 100, 200, 200]);
    let order = order.lock().unwrap().clone();
    assert_eq!(order.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert!(order.iter().all(|(_, in_flight)| *in_flight <= 2), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn a_configured_rate_spreads_starts_evenly() {
    assert_eq!(starts(&limiter(9, Some(10.0)), 3).await, [ms(0), ms(100), ms(200)]);
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_nobody_starts_before_the_pause_is_over_and_then_at_half_the_rate() {
    let limiter = limiter(64, None);
    storm(&limiter, 40, ms(3000)).await;
    let starts = starts(&limiter, 4).await;
    assert_eq!(starts[0], ms(3000));
    let gaps: Vec<u128> = starts.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    // 40 in a second were too many: half of it is one every 50 ms, a little less later on.
    assert_eq!(gaps, [50, 50, 50]);
}

#[tokio::test(start_paused = true)]
async fn the_rate_grows_evenly_back_to_what_was_refused_and_is_lifted_at_twice_that() {
    let limiter = limiter(64, None);
    storm(&limiter, 40, ms(1000)).await;
    let began = Instant::now() + ms(1000);
    let starts = starts(&limiter, 2_000).await;
    let within = |from: u64, to: u64| {
        let at = |start: &Duration| began + *start - ms(1000);
        let range = began + ms(from)..began + ms(to);
        starts.iter().filter(|start| range.contains(&at(start))).count()
    };
    let (first, middle, late) = (within(0, 1000), within(9500, 10_500), within(29_000, 30_000));
    assert!((18..=22).contains(&first), "20 a second: {first}");
    assert!((36..=42).contains(&middle), "40 a second: {middle}");
    assert!((70..=82).contains(&late), "nearly 80 a second: {late}");
    assert_eq!(starts.last().map(|start| (*start - ms(31_000)).as_millis() < 100), Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_refusals_slows_down_once_and_a_later_refusal_again() {
    let limiter = limiter(64, None);
    storm(&limiter, 40, ms(1000)).await;
    let rate = |limiter: &Limiter| {
        let state = limiter.state();
        state.rate(Instant::now(), &limiter.0.limits).map(f64::round)
    };
    assert_eq!(rate(&limiter), Some(20.0));
    permit(&limiter).await.refused(ms(1000));
    assert_eq!(rate(&limiter), Some(10.0));
    for _ in 0..9 {
        permit(&limiter).await.refused(ms(0));
    }
    assert_eq!(rate(&limiter), Some(SLOWEST));
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_fewer_are_on_their_way_at_once_until_that_too_has_grown_back() {
    let limiter = limiter(64, None);
    starts(&limiter, 400).await;
    storm(&limiter, 40, ms(0)).await;
    let began = Instant::now();
    let mut permits = Vec::new();
    for _ in 0..23 {
        permits.push((permit(&limiter).await, began.elapsed()));
    }
    let by = |by: u64| permits.iter().filter(|(_, at)| *at <= ms(by)).count();
    // Half of 40, though 220 a second might start; one more every half a second.
    assert_eq!([by(490), by(990), by(1490), by(1510)], [20, 21, 22, 23]);
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_in_line_or_on_the_way_makes_room() {
    let limiter = limiter(1, None);
    let on_the_way = permit(&limiter).await;
    let first = tokio::spawn({
        let limiter = limiter.clone();
        async move { permit(&limiter).await }
    });
    let second = tokio::spawn({
        let limiter = limiter.clone();
        async move { permit(&limiter).await.held() }
    });
    tokio::task::yield_now().await;
    first.abort();
    tokio::time::sleep(ms(100)).await;
    drop(on_the_way);
    assert_eq!(second.await.unwrap(), ms(100));
}

#[tokio::test(start_paused = true)]
async fn a_pause_longer_than_anybody_would_wait_is_told_at_once() {
    let limiter = limiter(4, None);
    permit(&limiter).await.refused(Duration::from_secs(100));
    let refused = limiter.permit(Duration::from_secs(99)).await.map(|permit| permit.held());
    assert_eq!(refused, Err(OnHold(Duration::from_secs(100))));
    assert_eq!(permit(&limiter).await.held(), Duration::from_secs(100));
}

#[tokio::test(start_paused = true)]
async fn no_pause_is_longer_than_a_day() {
    let limiter = limiter(4, None);
    permit(&limiter).await.refused(Duration::MAX);
    let refused = limiter.permit(PATIENT).await.map(|permit| permit.held());
    assert_eq!(refused, Err(OnHold(LONGEST)));
}
