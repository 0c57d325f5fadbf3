//! Ctrl-C and SIGTERM: where work has to be left sound the first asks it to stop; the second ends the program at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread,
};

use docent::{Cancel, Error, ErrorKind};

use crate::{errors, exit::Exit, output::Output};

/// What stopped the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Ctrl-C.
    Interrupt = 1,
    /// SIGTERM, or the terminal went away.
    Terminate = 2,
}

/// The signals that came.
#[derive(Clone, Debug)]
pub(crate) struct Interrupts {
    cancel: Cancel,
    came: Arc<AtomicU8>,
    softly: Arc<AtomicBool>,
}

impl Interrupts {
    /// Listens from now on, on a thread of its own.
    pub(crate) fn listen(output: Output) -> Self {
        let interrupts = Self { cancel: Cancel::new(), came: Arc::default(), softly: Arc::default() };
        let own = interrupts.clone();
        let spawned = thread::Builder::new().name("signals".into()).spawn(move || own.wait(output));
        if let Err(cause) = spawned {
            tracing::warn!("cannot listen for signals: {cause}");
        }
        interrupts
    }

    /// The flag that the library looks at.
    pub(crate) fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Whether the first signal only asks for a stop, because the work that goes on looks at [`Interrupts::cancel`]. If
    /// not, it ends the program.
    pub(crate) fn softly(&self, softly: bool) {
        self.softly.store(softly, Ordering::Relaxed);
    }

    /// What stopped the program, if anything did.
    pub(crate) fn came(&self) -> Option<Stop> {
        match self.came.load(Ordering::Relaxed) {
            1 => Some(Stop::Interrupt),
            2 => Some(Stop::Terminate),
            _ => None,
        }
    }

    fn wait(&self, output: Output) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
            return;
        };
        runtime.block_on(async {
            let Ok(mut signals) = signals::Signals::new() else { return };
            loop {
                let stop = signals.next().await;
                let first = self.came.swap(stop as u8, Ordering::Relaxed) == 0;
                // A service manager may say SIGTERM twice; only a person who repeats Ctrl-C is in a hurry.
                let in_a_hurry = !first && stop == Stop::Interrupt;
                if in_a_hurry || !self.softly.load(Ordering::Relaxed) {
                    errors::report(&Error::new(ErrorKind::Interrupted, "interrupted"), output);
                    std::process::exit(Exit::Interrupted as i32);
                }
                self.cancel.cancel();
                if !output.json && !output.quiet {
                    output.message("stopping; once more to stop at once");
                }
            }
        });
    }
}

#[cfg(unix)]
mod signals {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Stop;

    pub(super) struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hangup: Option<Signal>,
    }

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            let hangup = SignalKind::hangup();
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                // Under nohup a terminal that goes away is to be ignored.
                hangup: if is_ignored(hangup) { None } else { Some(signal(hangup)?) },
            })
        }

        pub(super) async fn next(&mut self) -> Stop {
            tokio::select! {
                _ = self.interrupt.recv() => Stop::Interrupt,
                _ = self.terminate.recv() => Stop::Terminate,
                () = came(&mut self.hangup) => Stop::Terminate,
            }
        }
    }

    async fn came(signal: &mut Option<Signal>) {
        match signal {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Whether a signal is ignored. Known on Linux only (proc(5): SigIgn has signal 1 in its lowest bit).
    fn is_ignored(kind: SignalKind) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        mask >> (kind.as_raw_value() - 1) & 1 == 1
    }
}

#[cfg(not(unix))]
mod signals {
    use std::io;

    use super::Stop;

    pub(super) struct Signals;

    impl Signals {
        #[expect(clippy::unnecessary_wraps, reason = "fails on Unix")]
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn next(&mut self) -> Stop {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Stop::Interrupt
        }
    }
}
