//! A network, and what goes in and comes out of it.

use std::{fs, path::Path};

use docent_core::{Error, ErrorKind, IoContext, Result};
use docent_onnx::guarded;
use ort::{
    environment::Environment,
    session::{Session, builder::GraphOptimizationLevel},
    value::Tensor,
};

/// A network with one input, pictures of shape (1, 3, height, width), and one output.
pub(crate) struct Network {
    session: Session,
    name: &'static str,
}

/// Numbers in rows, the last dimension running fastest.
pub(crate) struct Output {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl Network {
    pub(crate) fn load(
        environment: &Environment,
        path: &Path,
        threads: usize,
        name: &'static str,
    ) -> Result<Self> {
        let bytes = fs::read(path).doing("read", path)?;
        let made = guarded(|| -> ort::Result<Session> {
            Session::builder(environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(threads.max(1))?
                // Each picture has a size of its own: what is kept for the last one does not fit the next.
                .with_memory_pattern(false)?
                .with_execution_providers([ort::ep::CPU::default().with_arena_allocator(false).build()])?
                .with_config_entry("session.intra_op.allow_spinning", "0")?
                .commit_from_memory(&bytes)
        });
        let session = made
            .and_then(|made| made.map_err(|cause| cause.to_string()))
            .map_err(|cause| damaged(name).at(path).caused_by(cause))?;
        Ok(Self { session, name })
    }

    /// A text that comes with the network.
    pub(crate) fn note(&self, key: &str) -> Option<String> {
        self.session.metadata().ok()?.custom(key)
    }

    /// Runs it on a picture of `width` by `height` pixels; `grey` goes into all three channels, from -1 (black) to 1.
    /// Columns beyond `filled` are 0, whatever `grey` has there.
    pub(crate) fn run(&mut self, grey: &[u8], width: usize, height: usize, filled: usize) -> Result<Output> {
        let mut values: Vec<f32> = Vec::with_capacity(3 * grey.len());
        for (at, grey) in grey.iter().enumerate() {
            values.push(if at % width < filled { f32::from(*grey) / 127.5 - 1.0 } else { 0.0 });
        }
        for _ in 0..2 {
            values.extend_from_within(..grey.len());
        }
        let (session, name) = (&mut self.session, self.name);
        let ran = guarded(|| -> ort::Result<Output> {
            let input = Tensor::from_array(([1, 3, height, width], values))?;
            let outputs = session.run(ort::inputs![input])?;
            let (shape, values) = outputs[0].try_extract_tensor::<f32>()?;
            let shape = shape.iter().map(|length| usize::try_from(*length).unwrap_or(0)).collect();
            Ok(Output { shape, values: values.to_vec() })
        });
        ran.and_then(|ran| ran.map_err(|cause| cause.to_string())).map_err(|cause| {
            Error::new(ErrorKind::Model, format!("the {name} of the OCR model failed")).caused_by(cause)
        })
    }
}

pub(crate) fn damaged(name: &str) -> Error {
    Error::new(ErrorKind::ModelDamaged, format!("cannot load the {name} of the OCR model"))
        .hint("get it again: `make models` in the source tree, or `docent models import PATH`")
}
