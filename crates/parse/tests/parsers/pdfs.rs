//! PDFs made here, and the library that reads them.

use std::{fmt::Write as _, path::PathBuf};

/// The folder of real files that tests need.
pub(super) fn models() -> PathBuf {
    let models = std::env::var_os("DOCENT_MODELS")
        .unwrap_or_else(|| panic!("set DOCENT_MODELS: `make models` gets what it holds"));
    PathBuf::from(models)
}

/// pdfium at the top of the folder or one level below.
pub(super) fn pdfium() -> PathBuf {
    let models = models();
    let mut places = vec![models.join("libpdfium.so")];
    if let Ok(entries) = std::fs::read_dir(&models) {
        places.extend(entries.flatten().map(|entry| entry.path().join("libpdfium.so")));
    }
    places
        .into_iter()
        .find(|place| place.is_file())
        .unwrap_or_else(|| panic!("no libpdfium.so in {}: run `make models`", models.display()))
}

/// What every one of them says.
pub(super) const WORDS: &str = "BT /F1 12 Tf 50 700 Td (Words that are here) Tj ET\n";

/// A PDF of `objects`, numbered from 1; the first is its catalog.
pub(super) fn pdf(objects: &[String]) -> Vec<u8> {
    let mut file = "%PDF-1.7\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (index, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        let _ = writeln!(file, "{} 0 obj\n{object}\nendobj", index + 1);
    }
    let at = file.len();
    let _ = write!(file, "{table}trailer\n<< /Size {} /Root 1 0 R >>\n", objects.len() + 1);
    let _ = write!(file, "startxref\n{at}\n%%EOF\n");
    file.into_bytes()
}

pub(super) fn stream(dictionary: &str, content: &str) -> String {
    format!("<< {dictionary} /Length {} >>\nstream\n{content}\nendstream", content.len())
}

/// A catalog, a page tree and one page of `content`, with objects from 6 on.
pub(super) fn page(resources: &str, content: &str, more: &[String]) -> Vec<u8> {
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R \
             /Resources << /Font << /F1 5 0 R >> {resources} >> >>"
        ),
        stream("", content),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    objects.extend_from_slice(more);
    pdf(&objects)
}
