//! Containers around fuzzed bytes, so that fuzzing gets past them.

use std::io::{Cursor, Write as _};

use flate2::{Compression, Crc, write::GzEncoder};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::compound::compound;

/// A zip container of `members`.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in members {
        zip.start_file(*name, stored).expect("in memory");
        zip.write_all(bytes).expect("in memory");
    }
    zip.finish().expect("in memory").into_inner()
}

/// `bytes` in a gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("in memory");
    gzip.finish().expect("in memory")
}

/// An Outlook message whose body is rich text, packed as `kind` says.
pub fn rich_message(kind: &[u8; 4], packed: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    stream.extend((packed.len() as u32 + 12).to_le_bytes());
    stream.extend((packed.len() as u32).saturating_mul(8).to_le_bytes());
    stream.extend(kind);
    stream.extend([0; 4]);
    stream.extend(packed);
    compound(&[
        ("__properties_version1.0".to_owned(), vec![0; 32]),
        ("__substg1.0_10090102".to_owned(), stream),
    ])
}

/// An Outlook message of `data`: for each stream its property, its length in two bytes, and as many bytes.
pub fn message(mut data: &[u8]) -> Vec<u8> {
    const STREAMS: [&str; 16] = [
        "__properties_version1.0",
        "__substg1.0_001A001F",
        "__substg1.0_0037001F",
        "__substg1.0_1000001F",
        "__substg1.0_1000001E",
        "__substg1.0_10130102",
        "__substg1.0_10090102",
        "__recip_version1.0_#00000000/__properties_version1.0",
        "__recip_version1.0_#00000000/__substg1.0_3001001F",
        "__attach_version1.0_#00000000/__properties_version1.0",
        "__attach_version1.0_#00000000/__substg1.0_3707001F",
        "__attach_version1.0_#00000000/__substg1.0_37010102",
        "__attach_version1.0_#00000001/__substg1.0_37010102",
        "__attach_version1.0_#00000002/__substg1.0_3701000D/__properties_version1.0",
        "__attach_version1.0_#00000002/__substg1.0_3701000D/__substg1.0_1000001E",
        "__attach_version1.0_#00000002/__substg1.0_3701000D/__attach_version1.0_#00000000/__substg1.0_37010102",
    ];
    let mut streams: Vec<(String, Vec<u8>)> = Vec::new();
    while let Some((&[name, low, high], rest)) = data.split_first_chunk() {
        let name = crate::pick(&STREAMS, name);
        let (bytes, rest) = rest.split_at(usize::from(u16::from_le_bytes([low, high])).min(rest.len()));
        data = rest;
        if !streams.iter().any(|(known, _)| known == name) {
            streams.push((name.to_owned(), bytes.to_vec()));
        }
    }
    if !streams.iter().any(|(name, _)| name == STREAMS[0]) {
        streams.push((STREAMS[0].to_owned(), vec![0; 32]));
    }
    compound(&streams)
}

/// Puts right the checksums of an archive, which mutation breaks at once.
pub fn mend(bytes: &mut [u8]) {
    if bytes.starts_with(b"7z\xbc\xaf\x27\x1c") {
        mend_seven(bytes);
        return;
    }
    // A tar is blocks of 512 bytes, of which any may be a header.
    for block in bytes.chunks_exact_mut(512).filter(|block| block[0] != 0) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
}

fn mend_seven(bytes: &mut [u8]) {
    let crc = |bytes: &[u8]| {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    if bytes.len() < 32 {
        return;
    }
    let number = |at: usize| {
        let number = bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let start = number(12).saturating_add(32);
    if let Some(table) = bytes.get(start..start.saturating_add(number(20))) {
        let sum = crc(table);
        bytes[28..32].copy_from_slice(&sum);
    }
    let sum = crc(&bytes[12..32]);
    bytes[8..12].copy_from_slice(&sum);
}
