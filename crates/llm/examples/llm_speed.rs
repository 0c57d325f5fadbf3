//! How fast the generator is, against a bare llama.cpp loop on the same prompt in the same run.
//!
//! ```text
//! cargo run --release -p docent-llm --example llm_speed -- MODEL.gguf [ROUNDS [THREADS]]
//! ```
//!
//! Both read the same prompt and answer greedily, by turns. Without THREADS each takes what it takes by itself: bare
//! llama.cpp one per core, docent one per idle core. `warm` is the generator when it knows the beginning of
//! the prompt, as it does for every question but the first. The last line is JSON: the ratios of the best rounds,
//! in speed (above 1: docent is faster) and in time to the first token, the model being loaded (below 1: sooner).
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::{
    error::Error,
    num::NonZeroU32,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Instant,
};

use docent_core::{GenerateRequest, Generator};
use docent_llm::{GeneratorSpec, LlamaGenerator};
use llama_cpp_2::{
    context::params::LlamaContextParams,
    llama_backend::LlamaBackend,
    llama_batch::LlamaBatch,
    model::{LlamaChatMessage, LlamaModel, params::LlamaModelParams},
    sampling::LlamaSampler,
};
use serde_json::{Value, json};

const ANSWER: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let gguf = PathBuf::from(arguments.next().ok_or("name a GGUF file")?);
    let rounds: usize = arguments.next().map_or(Ok(3), |rounds| rounds.parse())?;
    let threads: usize = arguments.next().map_or(Ok(0), |threads| threads.parse())?;
    let request = GenerateRequest {
        system: "You answer questions from numbered passages. Cite the passage that you used, like [1]. If the \
                 passages do not contain the answer, say that they do not."
            .repeat(3),
        examples: vec![("When did the tower open?\n[1] It opened in 1889.".into(), "In 1889 [1].".into())],
        user: format!(
            "{}\n\nTell the story of the Aurora router at length.",
            "[1] The Aurora router ships with firmware 4.2. To reset the admin password, hold the rear button \
             for 12 seconds until the light turns amber. It supports up to 64 wireless clients. "
                .repeat(14)
        ),
        max_tokens: ANSWER,
        temperature: 0.0,
        seed: 0,
    };
    let (mut alone, mut cold, mut warm) = (Best::default(), Best::default(), Best::default());
    for round in 1..=rounds {
        alone.take(bare(&gguf, &request, round, threads)?);
        let [first, second] = ours(&gguf, &request, round, threads)?;
        cold.take(first);
        warm.take(second);
    }
    println!(
        "{}",
        json!({
            "prefill_speed": cold.read_per_second / alone.read_per_second,
            "generation_speed": cold.per_second.max(warm.per_second) / alone.per_second,
            "first_token_cold": cold.first_ms / alone.first_ms,
            "first_token_warm": warm.first_ms / alone.first_ms,
            "bare": alone.figures(),
            "docent_cold": cold.figures(),
            "docent_warm": warm.figures(),
        })
    );
    Ok(())
}

/// One answer's figures, or the best of several.
#[derive(Clone, Copy)]
struct Best {
    /// Tokens of the prompt that were read, per second.
    read_per_second: f64,
    /// Milliseconds to the first token, without loading.
    first_ms: f64,
    /// Tokens generated per second after the first.
    per_second: f64,
}

impl Default for Best {
    fn default() -> Self {
        Self { read_per_second: 0.0, first_ms: f64::INFINITY, per_second: 0.0 }
    }
}

impl Best {
    fn take(&mut self, other: Self) {
        self.read_per_second = self.read_per_second.max(other.read_per_second);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.per_second = self.per_second.max(other.per_second);
    }

    fn figures(&self) -> Value {
        json!({ "prompt_tokens_per_second": self.read_per_second, "first_token_ms": self.first_ms,
            "tokens_per_second": self.per_second })
    }
}

fn ours(
    gguf: &Path,
    request: &GenerateRequest,
    round: usize,
    threads: usize,
) -> Result<[Best; 2], Box<dyn Error>> {
    let mut figures = [Best::default(); 2];
    let generator = LlamaGenerator::new(GeneratorSpec {
        id: "speed".into(),
        gguf: gguf.to_path_buf(),
        context_tokens: 4096,
        threads,
        cache_dir: None,
    });
    for (kind, best) in ["cold", "warm"].into_iter().zip(&mut figures) {
        // Another first word behind the prefix, so that only the prefix is known.
        let request = GenerateRequest { user: format!("{kind}: {}", request.user), ..request.clone() };
        let report = generator.generate(&request, &mut |_| ControlFlow::Continue(()))?;
        let read = report.prompt_tokens - report.reused_tokens;
        println!(
            "{round} docent {kind}: prompt {} ({} reused), prefill {:.0} ms = {:.1} tok/s, first token {:.0} ms (load {:.0}), \
             {} tokens at {:.1} tok/s",
            report.prompt_tokens,
            report.reused_tokens,
            report.prefill_ms,
            read as f64 / report.prefill_ms * 1e3,
            report.first_token_ms,
            report.load_ms,
            report.generated_tokens,
            (report.generated_tokens - 1) as f64 / report.decode_ms * 1e3,
        );
        best.take(Best {
            read_per_second: read as f64 / report.prefill_ms * 1e3,
            first_ms: report.first_token_ms - report.load_ms,
            per_second: (report.generated_tokens - 1) as f64 / report.decode_ms * 1e3,
        });
    }
    Ok(figures)
}

/// What a program would write that knows nothing but llama.cpp.
fn bare(
    gguf: &Path,
    request: &GenerateRequest,
    round: usize,
    threads: usize,
) -> Result<Best, Box<dyn Error>> {
    let backend = backend()?;
    let started = Instant::now();
    let model = LlamaModel::load_from_file(backend, gguf, &LlamaModelParams::default())?;
    let threads = if threads == 0 { std::thread::available_parallelism()?.get() } else { threads };
    let threads = i32::try_from(threads)?;
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(4096))
        .with_n_batch(2048)
        .with_n_ubatch(512)
        .with_n_threads(threads)
        .with_n_threads_batch(threads);
    let mut context = model.new_context(backend, params)?;
    let load = started.elapsed();

    let started = Instant::now();
    let message = |role: &str, text: &str| LlamaChatMessage::new(role.into(), text.into());
    let mut messages = vec![message("system", &request.system)?];
    for (question, answer) in &request.examples {
        messages.extend([message("user", question)?, message("assistant", answer)?]);
    }
    messages.push(message("user", &format!("cold: {}", request.user))?);
    let text = model.apply_chat_template(&model.chat_template(None)?, &messages, true)?;
    let vocab = model.vocab();
    let tokens = vocab.tokenize(text.as_bytes(), true, true);
    let mut batch = LlamaBatch::new(2048, 1);
    for (at, token) in tokens.iter().enumerate() {
        batch.add(*token, i32::try_from(at)?, &[0], at + 1 == tokens.len())?;
    }
    context.decode(&mut batch)?;
    let mut sampler = LlamaSampler::greedy();
    let mut token = sampler.sample(&context, -1);
    let prefill = started.elapsed();

    let started = Instant::now();
    let mut generated = 1;
    while generated < ANSWER && !vocab.is_eog(token) {
        batch.clear();
        batch.add(token, i32::try_from(tokens.len() + generated - 1)?, &[0], true)?;
        context.decode(&mut batch)?;
        token = sampler.sample(&context, -1);
        generated += 1;
    }
    let figures = Best {
        read_per_second: tokens.len() as f64 / prefill.as_secs_f64(),
        first_ms: prefill.as_secs_f64() * 1e3,
        per_second: (generated - 1) as f64 / started.elapsed().as_secs_f64(),
    };
    println!(
        "{round} bare       : prompt {}, prefill {:.0} ms = {:.1} tok/s, first token {:.0} ms (load {:.0}), {generated} tokens at \
         {:.1} tok/s",
        tokens.len(),
        prefill.as_secs_f64() * 1e3,
        figures.read_per_second,
        (load + prefill).as_secs_f64() * 1e3,
        load.as_secs_f64() * 1e3,
        figures.per_second,
    );
    Ok(figures)
}

/// The backend of the process: the generator's, which it starts at its first use.
fn backend() -> Result<&'static LlamaBackend, Box<dyn Error>> {
    Ok(docent_llm::backend()?)
}
