//! Running a library that may panic, without a word on stderr.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

static HOOK: Once = Once::new();

/// Runs `work`; `None` when it panicked. The default hook's message is held back for this thread only: all
/// other panics are reported as before.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if INSIDE.try_with(Cell::get).unwrap_or(0) == 0 {
                before(info);
            }
        }));
    });
    INSIDE.with(|inside| inside.set(inside.get() + 1));
    // Everything that `work` touches is dropped or thrown away when it panics.
    let result = catch_unwind(AssertUnwindSafe(work));
    INSIDE.with(|inside| inside.set(inside.get() - 1));
    result.ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_panic_stays_inside() {
        assert_eq!(super::catch(|| 1), Some(1));
        assert_eq!(super::catch(|| -> u8 { panic!("broken") }), None);
        assert_eq!(super::catch(|| 2), Some(2));
    }
}
