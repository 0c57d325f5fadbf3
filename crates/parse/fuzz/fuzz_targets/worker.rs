//! What a worker that was taken over may say to its parent: bytes as they come, and well-formed frames.

#![no_main]

use docent_parse::workers::inside::{greeting, receive};
use docent_parse_fuzz::check_sound;
use libfuzzer_sys::fuzz_target;

const MAX_TEXT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, data)) = data.split_first() else { return };
    let stream = if kind % 2 == 0 { data.to_vec() } else { framed(data) };
    let mut rest = stream.as_slice();
    let _ = greeting(&mut rest);
    for _ in 0..4 {
        match receive(&mut rest, MAX_TEXT) {
            Ok(Some(Ok(document))) => check_sound(&document),
            Ok(Some(Err(error))) => assert!(error.reason.chars().count() <= 1000),
            Ok(None) => {}
            Err(_) => return,
        }
    }
});

/// A greeting, and behind it frames of what stands between zero bytes.
fn framed(data: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let greeting = b"{\"seal\":{\"system_calls\":true,\"paths\":true}}".as_slice();
    for frame in std::iter::once(greeting).chain(data.split(|byte| *byte == 0)) {
        stream.extend((frame.len() as u64).to_le_bytes());
        stream.extend(frame);
    }
    stream
}
