//! Pictures: what OCR reads in them.

use std::io::Cursor;

use docent_core::{BlockKind, DocumentBuilder, Location, ParseError, ParseErrorKind};
use docent_ocr::Picture;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use tiff::{
    ColorType,
    decoder::{Decoder, DecodingResult, Limits as TiffLimits},
};

use crate::{
    Parsed, damaged,
    ocr::Ocr,
    pdf::{Headings, Paragraph, UNREADABLE_PAGE, join, lines_of},
    too_large,
};

/// The media types of pictures that are read.
pub(crate) const MIMES: [&str; 6] =
    ["image/png", "image/jpeg", "image/gif", "image/tiff", "image/bmp", "image/webp"];
/// A picture with a shorter side holds no text worth reading: icons, rules, ...
const SHORTEST: u32 = 48;
/// ... and in messages logos and signatures.
const SHORTEST_PART: u32 = 480;
/// A part of a message with fewer bytes is such a one, whatever it is.
const SMALL_PART: usize = 16 << 10;
/// The most pixels: an A3 page at 600 dots per inch.
const MOST_PIXELS: u64 = 70_000_000;
/// Bytes that decoding may take.
const MOST_BYTES: u64 = 512 << 20;
/// The most pages of one picture (TIFF).
const MOST_PAGES: u32 = 5000;

/// Parses a picture that stands `depth` messages deep.
pub(crate) fn parse(mime: &'static str, bytes: &[u8], ocr: Option<&Ocr>, depth: usize) -> Parsed {
    let looked = Looked::at(mime, bytes).map_err(|error| match depth {
        // A logo that a message brings and that cannot be looked at is no loss.
        1.. if bytes.len() < SMALL_PART => ParseError::new(ParseErrorKind::Unsupported, error.reason),
        _ => error,
    })?;
    let (width, height) = looked.size;
    let shortest = if depth == 0 { SHORTEST } else { SHORTEST_PART };
    if looked.pages == 1 && width.min(height) < shortest {
        let reason = format!("a picture too small to hold text ({width} by {height} pixels)");
        return Err(ParseError::new(ParseErrorKind::Unsupported, reason));
    }
    let pages = looked.pages;
    let mut builder = DocumentBuilder::new(mime);
    if mime == "image/tiff" {
        builder.pages(pages);
    }
    let Some(ocr) = ocr else {
        builder.scanned(pages);
        return Ok(builder.finish());
    };
    let (mut all, mut unreadable) = (Vec::new(), 0);
    for page in 0..pages {
        let number = (mime == "image/tiff").then_some(page + 1);
        let read =
            ocr.read(|| if mime == "image/tiff" { tiff_page(bytes, page) } else { decode(mime, bytes) });
        let lines = match read {
            Ok(Some(read)) => lines_of(&read, 1.0),
            Err(error)
                if pages == 1
                    || matches!(error.kind, ParseErrorKind::Crashed | ParseErrorKind::Unavailable) =>
            {
                return Err(error);
            }
            // Another page may do better.
            Ok(None) | Err(_) => {
                unreadable += 1;
                all.push((number, Paragraph::note(UNREADABLE_PAGE)));
                continue;
            }
        };
        all.extend(join(&lines).into_iter().map(|paragraph| (number, paragraph)));
    }
    if unreadable == pages {
        return Err(damaged("damaged: nothing of it can be read"));
    }
    if looked.is_cut {
        all.push((None, Paragraph::note("[the pages behind this one cannot be read]")));
    }
    let headings = Headings::of(all.iter().map(|(_, paragraph)| paragraph), pages);
    for (page, paragraph) in &all {
        let place = Location { page: *page, area: paragraph.area, ..Location::default() };
        match headings.level(paragraph) {
            Some(level) => builder.heading(level, &paragraph.text, place),
            None => builder.push(BlockKind::Paragraph, &paragraph.text, place),
        }
    }
    Ok(builder.finish())
}

fn reader<'b>(mime: &str, bytes: &'b [u8]) -> Result<ImageReader<Cursor<&'b [u8]>>, ParseError> {
    let format = ImageFormat::from_mime_type(mime)
        .ok_or_else(|| ParseError::new(ParseErrorKind::Unsupported, format!("a picture ({mime})")))?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    Ok(reader)
}

/// What the head of a picture says.
struct Looked {
    /// Width and height of its first page.
    size: (u32, u32),
    pages: u32,
    /// Whether there are pages behind a broken one.
    is_cut: bool,
}

impl Looked {
    fn at(mime: &str, bytes: &[u8]) -> Result<Self, ParseError> {
        if mime != "image/tiff" {
            let decoder = reader(mime, bytes)?.into_decoder().map_err(|cause| broken(&cause))?;
            return Ok(Self { size: bounded(decoder.dimensions())?, pages: 1, is_cut: false });
        }
        let mut decoder = tiff(bytes)?;
        let size = bounded(decoder.dimensions().map_err(|cause| broken(&cause))?)?;
        let mut pages = 1;
        while decoder.more_images() {
            if pages == MOST_PAGES {
                return Err(too_large(format!("a picture of more than {MOST_PAGES} pages")));
            }
            if decoder.seek_to_image(pages as usize).is_err() {
                return Ok(Self { size, pages, is_cut: true });
            }
            pages += 1;
        }
        Ok(Self { size, pages, is_cut: false })
    }
}

fn bounded((width, height): (u32, u32)) -> Result<(u32, u32), ParseError> {
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        let most = MOST_PIXELS / 1_000_000;
        return Err(too_large(format!(
            "a picture of {width} by {height} pixels; the limit is {most} million"
        )));
    }
    Ok((width, height))
}

fn decode(mime: &str, bytes: &[u8]) -> Result<Picture, ParseError> {
    let picture = reader(mime, bytes)?.decode().map_err(|cause| broken(&cause))?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let grey = if picture.color().has_alpha() {
        // On white paper.
        let pixels = picture.into_luma_alpha8().into_raw();
        pixels.chunks_exact(2).map(|pixel| on_white(pixel[0], pixel[1])).collect()
    } else {
        match picture {
            DynamicImage::ImageLuma8(grey) => grey.into_raw(),
            other => other.into_luma8().into_raw(),
        }
    };
    Picture::new(width, height, grey).ok_or_else(|| damaged("damaged: a picture without pixels"))
}

fn on_white(grey: u8, opaque: u8) -> u8 {
    let (grey, opaque) = (u32::from(grey), u32::from(opaque));
    ((grey * opaque + 255 * (255 - opaque)) / 255) as u8
}

fn tiff(bytes: &[u8]) -> Result<Decoder<Cursor<&[u8]>>, ParseError> {
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(|cause| broken(&cause))?;
    let mut limits = TiffLimits::default();
    limits.decoding_buffer_size = MOST_BYTES as usize;
    limits.intermediate_buffer_size = MOST_BYTES as usize;
    Ok(decoder.with_limits(limits))
}

fn tiff_page(bytes: &[u8], page: u32) -> Result<Picture, ParseError> {
    let mut decoder = tiff(bytes)?;
    decoder.seek_to_image(page as usize).map_err(|cause| broken(&cause))?;
    let (width, height) = bounded(decoder.dimensions().map_err(|cause| broken(&cause))?)?;
    let (width, height) = (width as usize, height as usize);
    let colour = decoder.colortype().map_err(|cause| broken(&cause))?;
    let pixels = match decoder.read_image().map_err(|cause| broken(&cause))? {
        DecodingResult::U8(pixels) => pixels,
        DecodingResult::U16(pixels) => pixels.into_iter().map(|value| (value >> 8) as u8).collect(),
        _ => return Err(damaged("a picture whose pixels are neither grey nor coloured")),
    };
    let (samples, bits) = (usize::from(colour.num_samples()), colour.bit_depth());
    let unsupported = || {
        let what = format!("a picture of {samples} samples of {bits} bits ({colour:?})");
        ParseError::new(ParseErrorKind::Unsupported, what)
    };
    let grey: Vec<u8> = match (colour, bits) {
        (ColorType::Gray(1), _) => pixels
            .chunks(width.div_ceil(8))
            .flat_map(|row| {
                (0..width).map(|at| row.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1))
            })
            .map(|is_white| if is_white { 255 } else { 0 })
            .collect(),
        (ColorType::Gray(_), 8 | 16) => pixels,
        (ColorType::GrayA(_), 8 | 16) => {
            pixels.chunks_exact(2).map(|pixel| on_white(pixel[0], pixel[1])).collect()
        }
        // The first sample is the light.
        (ColorType::YCbCr(_) | ColorType::Lab(_), 8 | 16) => {
            pixels.chunks_exact(samples).map(|pixel| pixel[0]).collect()
        }
        (ColorType::RGB(_) | ColorType::RGBA(_), 8 | 16) => {
            pixels.chunks_exact(samples).map(|pixel| luma(pixel[0], pixel[1], pixel[2])).collect()
        }
        // Ink: none is white.
        (ColorType::CMYK(_) | ColorType::CMYKA(_), 8 | 16) => pixels
            .chunks_exact(samples)
            .map(|pixel| {
                let paper = u32::from(255 - luma(pixel[0], pixel[1], pixel[2]));
                (paper * u32::from(255 - pixel[3]) / 255) as u8
            })
            .collect(),
        _ => return Err(unsupported()),
    };
    Picture::new(width, height, grey).ok_or_else(|| damaged("damaged: a picture without pixels"))
}

/// The weights of ITU-R BT.601.
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    ((u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114) / 1000) as u8
}

fn broken(cause: &dyn std::fmt::Display) -> ParseError {
    damaged(format!("damaged picture: {cause}"))
}
