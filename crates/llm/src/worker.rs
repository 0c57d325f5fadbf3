//! The owner thread. A context borrows its model, so both live on this thread's stack, and others send it
//! commands.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender},
    },
    time::Instant,
};

use docent_core::{Error, ErrorKind, GenerateRequest, Generated, Result};
use llama_cpp_2::{model::LlamaModel, sampling::LlamaSampler, token::LlamaToken};

use crate::{
    loading::{guarded, load_model, new_context},
    prefix::PrefixStates,
    prompt::prompt,
    sequence::Sequence,
    spec::GeneratorSpec,
    stream::{Utf8Stream, goes_in_circles},
};

/// What the owner thread is asked.
pub(crate) enum Command {
    /// To answer.
    Generate(Box<Job>),
    /// To count tokens.
    Count { text: String, reply: SyncSender<Result<usize>> },
}

/// A request, and where its answer goes.
pub(crate) struct Job {
    pub(crate) request: GenerateRequest,
    /// When it was made.
    pub(crate) started: Instant,
    /// Set when the caller has enough.
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) events: SyncSender<Event>,
}

/// What comes back for a job: pieces of text, then the end.
pub(crate) enum Event {
    Text(String),
    Done(Result<Generated>),
}

impl Command {
    /// Replies with an error. Who asked may be gone.
    fn fail(self, error: Error) {
        match self {
            Self::Generate(job) => drop(job.events.send(Event::Done(Err(error)))),
            Self::Count { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

/// Serves commands until there is nobody left to send any. The model is loaded for the first one; a failure
/// to load is the reply, and the next command tries again.
pub(crate) fn run(spec: &GeneratorSpec, commands: &Receiver<Command>) {
    while let Ok(command) = commands.recv() {
        let started = Instant::now();
        let loaded = load_model(spec).and_then(|model| Ok((model, PrefixStates::new(spec)?)));
        let (model, states) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                command.fail(error);
                continue;
            }
        };
        let threads = spec.thread_count();
        let mut sequence = match new_context(&model, spec, threads) {
            Ok(context) => Sequence::new(context, threads, states),
            Err(error) => {
                command.fail(error);
                continue;
            }
        };
        // Told with the first answer: who only counts tokens before that has nowhere to report it.
        let mut load_ms = ms(started);
        tracing::debug!(id = spec.id, load_ms, "loaded the language model");
        serve(spec, &model, &mut sequence, command, &mut load_ms);
        while let Ok(command) = commands.recv() {
            serve(spec, &model, &mut sequence, command, &mut load_ms);
        }
    }
}

fn serve<'model>(
    spec: &GeneratorSpec,
    model: &'model LlamaModel,
    sequence: &mut Sequence<'model>,
    command: Command,
    load_ms: &mut f64,
) {
    match command {
        Command::Count { text, reply } => {
            let counted = guarded(|| model.vocab().tokenize(text.as_bytes(), false, false).len());
            // Who asked may be gone.
            let _ = reply.send(counted.map_err(|cause| broke_down(spec, cause)));
        }
        Command::Generate(job) => {
            let load_ms = std::mem::take(load_ms);
            let generated =
                guarded(|| generate(spec, model, sequence, &job, load_ms)).unwrap_or_else(|cause| {
                    // Broken off anywhere, the context may hold more, or less, than is known of it.
                    sequence.forget();
                    Err(broke_down(spec, cause))
                });
            let _ = job.events.send(Event::Done(generated));
        }
    }
}

fn broke_down(spec: &GeneratorSpec, cause: String) -> Error {
    Error::new(ErrorKind::Model, format!("{} broke down", spec.id)).caused_by(cause)
}

fn generate<'model>(
    spec: &GeneratorSpec,
    model: &'model LlamaModel,
    sequence: &mut Sequence<'model>,
    job: &Job,
    load_ms: f64,
) -> Result<Generated> {
    let Job { request, started, stop, events } = job;
    let reading = Instant::now();
    let prompt = prompt(model, request);
    let mut report = Generated { prompt_tokens: prompt.tokens.len(), load_ms, ..Generated::default() };
    if prompt.tokens.len() + request.max_tokens > sequence.capacity() {
        return Err(too_long(spec, prompt.tokens.len(), request.max_tokens, sequence.capacity()));
    }
    let threads = spec.thread_count();
    if threads != sequence.threads() {
        sequence.move_to(new_context(model, spec, threads)?, threads);
    }
    report.reused_tokens = sequence.read(&prompt, stop)?;

    let vocab = model.vocab();
    let mut sampler = sampler(request);
    let mut answer: Vec<LlamaToken> = Vec::with_capacity(request.max_tokens);
    let mut decoder = Utf8Stream::default();
    let mut bytes = Vec::new();
    let mut first = Instant::now();
    report.cut_short = true;
    while answer.len() < request.max_tokens && !stop.load(Ordering::Relaxed) {
        let token = sequence.sample(&mut sampler);
        if answer.is_empty() {
            first = Instant::now();
            report.prefill_ms = (first - reading).as_secs_f64() * 1e3;
            report.first_token_ms = ms(*started);
        }
        if vocab.is_eog(token) {
            report.cut_short = false;
            break;
        }
        answer.push(token);
        bytes.clear();
        vocab.token_to_piece_into(token, &mut bytes, false, None);
        let text = decoder.push(&bytes);
        if !text.is_empty() && events.send(Event::Text(text)).is_err() {
            break;
        }
        if answer.len() == request.max_tokens || goes_in_circles(&answer) {
            break;
        }
        sequence.push(token)?;
    }
    if let Some(torn) = decoder.finish() {
        let _ = events.send(Event::Text(torn.to_string()));
    }
    report.generated_tokens = answer.len();
    report.decode_ms = ms(first);
    Ok(report)
}

fn sampler(request: &GenerateRequest) -> LlamaSampler {
    if request.temperature <= 0.0 {
        return LlamaSampler::greedy();
    }
    LlamaSampler::chain_simple([LlamaSampler::temp(request.temperature), LlamaSampler::dist(request.seed)])
}

fn too_long(spec: &GeneratorSpec, prompt: usize, answer: usize, context: usize) -> Error {
    let message = format!(
        "a prompt of {prompt} tokens and an answer of {answer} do not fit the context of {context} tokens of {}",
        spec.id
    );
    Error::new(ErrorKind::Model, message)
        .hint("ask a shorter question, or raise `ask.context_tokens` in the configuration")
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
