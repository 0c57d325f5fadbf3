//! How many threads to compute with: as many as there are cores that nobody else is using.
//!
//! llama.cpp's threads wait for each other after every step by spinning. Where one of them has to share its core,
//! all of them lose their turn over and over: on two busy cores, two threads gave 0.7 tokens a second, one gave 24.

use std::{fs, thread, time::Duration};

/// Looks at the machine, apart from each other: who runs for a moment only should not count.
const LOOKS: usize = 5;
const APART: Duration = Duration::from_millis(1);

/// Cores that nobody else is using now, at least 1.
pub(crate) fn free_cores() -> usize {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut others = [0; LOOKS];
    for other in &mut others {
        // Where the system does not tell, the machine is ours.
        *other = fs::read_to_string("/proc/loadavg").ok().and_then(|load| running(&load)).unwrap_or(1);
        thread::sleep(APART);
    }
    others.sort_unstable();
    // The thread that looks is one of them.
    free(cores, others[LOOKS / 2].saturating_sub(1))
}

fn free(cores: usize, others: usize) -> usize {
    cores.saturating_sub(others).max(1)
}

/// Threads that run or want to, as `/proc/loadavg` gives them: `0.20 0.18 0.12 1/80 11206`.
fn running(load: &str) -> Option<usize> {
    load.split_whitespace().nth(3)?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_use_is_left_to_them() {
        assert_eq!(running("0.20 0.18 0.12 3/80 11206\n"), Some(3));
        assert_eq!(running("nonsense"), None);
        assert_eq!((free(2, 0), free(2, 1), free(2, 9), free(16, 3)), (2, 1, 1, 13));
        assert!(free_cores() >= 1);
    }
}
