//! The generator itself: the callers' side of the owner thread.

use std::{
    ops::ControlFlow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use docent_core::{Error, ErrorKind, GenerateRequest, Generated, Generator, Result};

use crate::{
    spec::GeneratorSpec,
    worker::{self, Command, Event, Job},
};

/// Pieces of text that may wait for a slow reader before the model does.
const PIECES: usize = 64;

/// While the model says nothing, the caller is asked this often whether to go on.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// A GGUF model, loaded when first used. Any number of threads may share it; they are served one after the
/// other.
pub struct LlamaGenerator {
    spec: GeneratorSpec,
    owner: Mutex<Owner>,
}

/// The owner thread, as long as the model is loaded.
#[derive(Default)]
struct Owner {
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Owner {
    /// Tells the thread to end after what it is doing.
    fn dismiss(&mut self) {
        self.commands = None;
    }

    /// Waits until a dismissed thread has ended, and its memory is free.
    fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic in it has been told to whoever waited for an answer.
            let _ = thread.join();
        }
    }
}

impl LlamaGenerator {
    /// A generator that loads its model when first used.
    pub fn new(spec: GeneratorSpec) -> Self {
        Self { spec, owner: Mutex::new(Owner::default()) }
    }

    /// What it was made from.
    pub fn spec(&self) -> &GeneratorSpec {
        &self.spec
    }

    fn send(&self, command: Command) -> Result<()> {
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        let commands = if let Some(commands) = &owner.commands {
            commands.clone()
        } else {
            // One model in memory at a time.
            owner.wait();
            let (commands, received) = channel();
            let spec = self.spec.clone();
            let thread = thread::Builder::new()
                .name("docent-llm".to_owned())
                .spawn(move || worker::run(&spec, &received))
                .map_err(|cause| Error::new(ErrorKind::Internal, "cannot start a thread").caused_by(cause))?;
            *owner = Owner { commands: Some(commands.clone()), thread: Some(thread) };
            commands
        };
        commands.send(command).map_err(|_| {
            owner.dismiss();
            self.gone()
        })
    }

    fn gone(&self) -> Error {
        Error::new(ErrorKind::Model, format!("{} broke down", self.spec.id))
            .hint("run the command again; if it happens again, `docent doctor` may know why")
    }
}

impl Generator for LlamaGenerator {
    fn id(&self) -> &str {
        &self.spec.id
    }

    fn context_tokens(&self) -> usize {
        self.spec.context_tokens
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        let (reply, counted) = sync_channel(1);
        self.send(Command::Count { text: text.to_owned(), reply })?;
        counted.recv().unwrap_or_else(|_| Err(self.gone()))
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated> {
        let started = Instant::now();
        let (events, received) = sync_channel(PIECES);
        let stop = Arc::new(AtomicBool::new(false));
        let job = Job { request: request.clone(), started, stop: Arc::clone(&stop), events };
        self.send(Command::Generate(Box::new(job)))?;

        let mut text = String::new();
        loop {
            let event = match received.recv_timeout(ASK_AGAIN) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => Event::Text(String::new()),
                Err(RecvTimeoutError::Disconnected) => return Err(self.gone()),
            };
            match event {
                // Pieces that were under way when the caller had enough.
                Event::Text(_) if stop.load(Ordering::Relaxed) => {}
                Event::Text(piece) => {
                    text.push_str(&piece);
                    if on_text(&piece).is_break() {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
                Event::Done(generated) => return generated.map(|report| Generated { text, ..report }),
            }
        }
    }

    fn unload(&self) {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner).dismiss();
    }
}

impl Drop for LlamaGenerator {
    fn drop(&mut self) {
        let owner = self.owner.get_mut().unwrap_or_else(PoisonError::into_inner);
        owner.dismiss();
        owner.wait();
    }
}
