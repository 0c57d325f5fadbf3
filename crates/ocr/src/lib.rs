//! Pictures to lines of text with their places: PaddleOCR's models (PP-OCR, ONNX) on the processor.
//!
//! ```text
//! picture -> [detector: where text stands] -> turned upright -> [recogniser: each line's characters]
//!         -> lines in reading order
//! ```
//! The pipeline is that of PaddleOCR: a map of text by differentiable binarisation (Liao et al., 2020, "Real-time Scene
//! Text Detection with Differentiable Binarization"), boxes around what is connected in it, grown to the size of their
//! text; each box is straightened and read by a network with CTC output (Graves et al., 2006). Two things are ours:
//! which way up a page lies is decided once for all of its lines, and lines come in the order in which people read them.

mod detector;
mod geometry;
mod order;
mod picture;
mod reader;
mod recogniser;
mod session;

pub use picture::Picture;
pub use reader::{Line, OcrReader, OcrSpec, Page};
