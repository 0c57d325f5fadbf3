//! Embedding with real models, found in the folder that DOCENT_MODELS names.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use docent_core::{Embedder, ErrorKind};
use docent_embed::{EmbedderSpec, OnnxEmbedder, Pooling};
use fastembed::{InitOptionsUserDefined, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};

const PASSAGES: [&str; 5] = [
    "Beijing is the capital of China.",
    "Bananas are rich in potassium.",
    "The warranty covers the router for 36 months; batteries are not included.",
    "x",
    "A long one. Retrieval augmented generation combines a search index with a language model, so that \
     answers can cite their sources, and so that documents stay where they are.",
];

fn file(path: &str) -> PathBuf {
    let folder = std::env::var_os("DOCENT_MODELS")
        .expect("DOCENT_MODELS names no folder of models: `make models` makes one and says which");
    let path = PathBuf::from(folder).join(path);
    assert!(path.is_file(), "{} is not there: run `make models`", path.display());
    path
}

fn minilm() -> EmbedderSpec {
    EmbedderSpec {
        id: "all-minilm-l6-v2".into(),
        onnx: file("all-minilm-l6-v2/model_int8.onnx"),
        tokenizer: file("all-minilm-l6-v2/tokenizer.json"),
        dimensions: 384,
        max_tokens: 256,
        query_prefix: String::new(),
        passage_prefix: String::new(),
        pooling: Pooling::Mean,
        runtime: file("onnxruntime/libonnxruntime.so.1.32.0"),
        threads: 2,
    }
}

fn e5() -> EmbedderSpec {
    EmbedderSpec {
        id: "multilingual-e5-small".into(),
        onnx: file("multilingual-e5-small/model_int8.onnx"),
        tokenizer: file("multilingual-e5-small/tokenizer.json"),
        max_tokens: 512,
        query_prefix: "query: ".into(),
        passage_prefix: "passage: ".into(),
        ..minilm()
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn vectors_have_unit_length_and_do_not_depend_on_their_neighbours() {
    let embedder = OnnxEmbedder::new(minilm());
    let together = embedder.embed_passages(&PASSAGES).unwrap();
    for (text, vector) in PASSAGES.iter().zip(&together) {
        assert_eq!(vector.len(), embedder.dimensions());
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-5);
        assert_eq!(&embedder.embed_passages(&[text]).unwrap()[0], vector, "{text}");
    }
    let reversed: Vec<&str> = PASSAGES.into_iter().rev().collect();
    let mut back = embedder.embed_passages(&reversed).unwrap();
    back.reverse();
    assert_eq!(back, together);
    assert!(embedder.embed_passages(&[]).unwrap().is_empty());
    // An empty text has a vector, too.
    assert_eq!(embedder.embed_query("").unwrap().len(), embedder.dimensions());
}

#[test]
fn vectors_are_those_of_plain_fastembed() {
    let spec = e5();
    let embedder = OnnxEmbedder::new(spec.clone());
    let texts = [
        "Beijing is the capital of China.",
        "北京是中华人民共和国的首都。",
        "向量数据库　支持ＡＢＣ１２３～",
    ];
    let ours = embedder.embed_passages(&texts).unwrap();

    // The runtime is loaded by now, but ort has one environment per process and ours has it: give it on.
    let folder = spec.onnx.parent().unwrap();
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let files = TokenizerFiles {
        tokenizer_file: read("tokenizer.json"),
        config_file: read("config.json"),
        special_tokens_map_file: read("special_tokens_map.json"),
        tokenizer_config_file: read("tokenizer_config.json"),
    };
    let model =
        UserDefinedEmbeddingModel::new(read("model_int8.onnx"), files).with_pooling(fastembed::Pooling::Mean);
    let options = InitOptionsUserDefined::new()
        .with_environment(docent_embed::load_runtime(&spec.runtime).unwrap())
        .with_max_length(512)
        .with_intra_threads(2);
    let mut plain = TextEmbedding::try_new_from_user_defined(model, options).unwrap();
    for (text, ours) in texts.iter().zip(&ours) {
        let plain = plain.embed([format!("passage: {text}")], Some(1)).unwrap().remove(0);
        assert!(cosine(&plain, ours) > 0.99999, "{text}: {}", cosine(&plain, ours));
    }
}

#[test]
fn e5_brings_english_and_chinese_together() {
    let embedder = OnnxEmbedder::new(e5());
    let passages = embedder
        .embed_passages(&[
            "北京是中华人民共和国的首都。",
            "Beijing is the capital of China.",
            PASSAGES[1],
            PASSAGES[2],
        ])
        .unwrap();
    for question in ["中国的首都是哪里？", "what is the capital of China?"] {
        let query = embedder.embed_query(question).unwrap();
        let cosines: Vec<f32> = passages.iter().map(|passage| cosine(&query, passage)).collect();
        for about_it in &cosines[..2] {
            for other in &cosines[2..] {
                assert!(about_it > &(other + 0.03), "{question}: {cosines:?}");
            }
        }
    }
    let english = embedder.embed_query("how long is the warranty?").unwrap();
    let chinese = embedder.embed_query("保修期有多长？").unwrap();
    assert!(cosine(&english, &passages[3]) > cosine(&english, &passages[1]));
    // Across languages, among passages of one language: e5 puts a language before a subject.
    assert!(cosine(&chinese, &passages[3]) > cosine(&chinese, &passages[1]));
    assert!(cosine(&chinese, &passages[3]) > cosine(&chinese, &passages[2]));
}

#[test]
fn token_ends_stand_in_the_original_text() {
    // Full-width letters, a ligature, a combining accent, an emoji, controls and spaces: all things that the
    // normaliser changes.
    let odd = "ＡＢＣ ﬁn cafe\u{301} 👩‍👩‍👧 \u{1}　㎏½\n\n\t東京タワー</s><pad> \u{fffd}… end  ";
    let embedder = OnnxEmbedder::new(e5());
    let long = "The index follows the folder. 索引跟随文件夹。".repeat(4000);
    for text in [odd, "", " ", "中国的首都是哪里？", "plain words", &long] {
        let ends = embedder.token_ends(text).unwrap();
        assert!(ends.is_sorted());
        assert!(ends.iter().all(|&end| end <= text.len() && text.is_char_boundary(end)));
        if !text.trim().is_empty() {
            assert!(*ends.last().unwrap() >= text.trim_end().len(), "the last token ends with the text");
        }
    }
    // Nothing is cut off: ten times the text has ten times the tokens.
    let one = embedder.token_ends("Beijing is the capital of China.").unwrap().len();
    let many = embedder.token_ends(&"Beijing is the capital of China. ".repeat(1000)).unwrap().len();
    assert!(many >= one * 990 && many <= one * 1010, "{one} {many}");
    // Marks are neither added nor read out of the text.
    let plain = embedder.token_ends("a b").unwrap().len();
    assert!(embedder.token_ends("a </s> b").unwrap().len() > plain + 1);
}

#[test]
fn what_is_behind_the_last_token_is_ignored() {
    let embedder = OnnxEmbedder::new(EmbedderSpec { max_tokens: 32, ..minilm() });
    let head = "the index follows the folder and the answers follow the index ".repeat(4);
    let a = embedder.embed_query(&format!("{head} bananas")).unwrap();
    let b = embedder.embed_query(&format!("{head}{}", "routers ".repeat(100_000))).unwrap();
    assert_eq!(a, b);
}

#[test]
fn tokens_are_counted_while_passages_are_embedded() {
    let embedder = OnnxEmbedder::new(minilm());
    let done = AtomicBool::new(false);
    let passage = "retrieval augmented generation combines a search index with a model ".repeat(30);
    embedder.embed_query("warm").unwrap();
    let counted = thread::scope(|scope| {
        scope.spawn(|| {
            embedder.embed_passages(&[passage.as_str(); 40]).unwrap();
            done.store(true, Ordering::Relaxed);
        });
        let mut counted = 0;
        while !done.load(Ordering::Relaxed) {
            assert_eq!(embedder.token_ends("some words to count").unwrap().len(), 4);
            counted += 1;
        }
        counted
    });
    // With one lock for both there would be about one count for each passage.
    assert!(counted > 400, "{counted}");
}

#[test]
fn a_question_does_not_wait_for_a_long_list_of_passages() {
    let embedder = OnnxEmbedder::new(minilm());
    let passage = "retrieval augmented generation combines a search index with a model ".repeat(30);
    embedder.embed_query("warm").unwrap();
    let started = Instant::now();
    let (list, question) = thread::scope(|scope| {
        let list = scope.spawn(|| {
            embedder.embed_passages(&[passage.as_str(); 60]).unwrap();
            started.elapsed()
        });
        thread::sleep(std::time::Duration::from_millis(20));
        for _ in 0..3 {
            embedder.embed_query("how long is the warranty?").unwrap();
        }
        let question = started.elapsed();
        (list.join().unwrap(), question)
    });
    assert!(question < list / 2, "three questions took {question:?}, the list {list:?}");
}

#[test]
fn a_model_that_was_let_go_comes_back() {
    let embedder = OnnxEmbedder::new(minilm());
    let before = embedder.embed_query("warranty").unwrap();
    embedder.unload();
    embedder.unload();
    assert_eq!(embedder.embed_query("warranty").unwrap(), before);
}

#[test]
fn a_damaged_or_wrong_model_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("model.onnx");
    let embedder = OnnxEmbedder::new(EmbedderSpec { onnx: onnx.clone(), ..minilm() });
    assert_eq!(embedder.embed_query("text").unwrap_err().kind(), ErrorKind::ModelMissing);

    let whole = std::fs::read(minilm().onnx).unwrap();
    for bytes in [&b"not a model"[..], &[], &whole[..whole.len() / 2]] {
        std::fs::write(&onnx, bytes).unwrap();
        let error = embedder.embed_query("text").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelDamaged);
        assert!(error.hint_text().is_some());
    }
    // Once it is mended, the same embedder works.
    std::fs::write(&onnx, &whole).unwrap();
    assert!(embedder.embed_query("text").is_ok());

    let wrong = OnnxEmbedder::new(EmbedderSpec { dimensions: 768, ..minilm() });
    let error = wrong.embed_query("text").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(error.message().contains("384") && error.message().contains("768"), "{error:?}");
}
