//! Compound files (OLE, \[MS-CFB\]): storages, and the streams in them.
//!
//! What a file says about itself may be made up. A stream is read no further than it says it is long, whatever its chain
//! of sectors; an entry stands in one storage only; and all that is read comes to little more than the file has.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashSet},
};

/// The most entries of a directory.
const MOST_ENTRIES: usize = 200_000;
/// The length of an entry of the directory.
const ENTRY: usize = 128;
/// Sector numbers from here on end a chain.
const ENDS: u32 = 0xFFFF_FFFB;
/// Streams below this length stand in the mini stream, in sectors of their own.
const MINI_STREAM: u64 = 4096;
const MINI_SECTOR: usize = 64;

/// A storage or stream, by its number in the directory.
pub(crate) type Id = u32;
/// The storage that holds all others.
pub(crate) const ROOT: Id = 0;

#[derive(Debug)]
pub(crate) struct Ole<'b> {
    bytes: &'b [u8],
    sector_size: usize,
    /// The sector after each.
    fat: Vec<u32>,
    mini_fat: Vec<u32>,
    mini_stream: Vec<u8>,
    entries: Vec<Entry>,
    /// What each storage holds, by name in lower case.
    tree: BTreeMap<(Id, String), Id>,
    /// Bytes that may still be read.
    left: Cell<usize>,
    is_cut: Cell<bool>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    is_storage: bool,
    is_stream: bool,
    siblings: [u32; 2],
    child: u32,
    start: u32,
    length: u64,
}

impl Entry {
    fn read(bytes: &[u8]) -> Self {
        let name_length = usize::from(u16_at(bytes, 64)).saturating_sub(2).min(62);
        let (name, _) = encoding_rs::UTF_16LE.decode_without_bom_handling(&bytes[..name_length & !1]);
        Self {
            name: name.to_lowercase(),
            is_storage: matches!(bytes[66], 1 | 5),
            is_stream: bytes[66] == 2,
            siblings: [u32_at(bytes, 68), u32_at(bytes, 72)],
            child: u32_at(bytes, 76),
            start: u32_at(bytes, 116),
            length: u64::from(u32_at(bytes, 120)),
        }
    }
}

impl<'b> Ole<'b> {
    /// Reads the directory. `None` where there is none.
    pub(crate) fn open(bytes: &'b [u8]) -> Option<Self> {
        let header = bytes.get(..512)?;
        let sector_size = match u16_at(header, 30) {
            9 => 512,
            12 => 4096,
            _ => return None,
        };
        let mut ole = Self {
            bytes,
            sector_size,
            fat: Vec::new(),
            mini_fat: Vec::new(),
            mini_stream: Vec::new(),
            entries: Vec::new(),
            tree: BTreeMap::new(),
            left: Cell::new(bytes.len().saturating_mul(3)),
            is_cut: Cell::new(false),
        };
        ole.read_fat(header);
        let directory = ole.chain(u32_at(header, 48), bytes.len().min(MOST_ENTRIES * ENTRY));
        ole.entries = directory.chunks_exact(ENTRY).map(Entry::read).collect();
        let root = ole.entries.first().filter(|root| root.is_storage)?;
        let (start, length) = (root.start, to_size(root.length, bytes.len()));
        let mini_fat = ole.chain(u32_at(header, 60), bytes.len().div_ceil(MINI_SECTOR / 4));
        ole.mini_fat = numbers(&mini_fat).collect();
        ole.mini_stream = ole.chain(start, length);
        ole.read_tree();
        Some(ole)
    }

    /// Whether a stream that was read was longer once.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.get()
    }

    /// What `storage` holds under `name`, which is in lower case.
    fn child(&self, storage: Id, name: &str) -> Option<(Id, &Entry)> {
        let id = *self.tree.get(&(storage, name.to_owned()))?;
        Some((id, self.entries.get(id as usize)?))
    }

    pub(crate) fn storage(&self, storage: Id, name: &str) -> Option<Id> {
        self.child(storage, name).filter(|(_, entry)| entry.is_storage).map(|(id, _)| id)
    }

    /// The storages in `storage` whose name begins with `prefix`, by name.
    pub(crate) fn storages<'o>(&'o self, storage: Id, prefix: &'o str) -> impl Iterator<Item = Id> + 'o {
        self.tree
            .range((storage, prefix.to_owned())..)
            .take_while(move |((inside, name), _)| *inside == storage && name.starts_with(prefix))
            .map(|(_, id)| *id)
            .filter(|id| self.entries.get(*id as usize).is_some_and(|entry| entry.is_storage))
    }

    /// The bytes of a stream, as far as they are there.
    pub(crate) fn stream(&self, storage: Id, name: &str) -> Option<Vec<u8>> {
        let (_, entry) = self.child(storage, name).filter(|(_, entry)| entry.is_stream)?;
        let length = to_size(entry.length, self.bytes.len());
        let read = if entry.length < MINI_STREAM && !self.mini_stream.is_empty() {
            self.mini_chain(entry.start, length)
        } else {
            self.chain(entry.start, length)
        };
        if (read.len() as u64) < entry.length {
            self.is_cut.set(true);
        }
        Some(read)
    }

    /// Reads the table of sectors, whose own sectors are listed in the header and in a chain of lists.
    fn read_fat(&mut self, header: &[u8]) {
        let numbers_in_sector = self.sector_size / 4;
        let most = self.bytes.len() / self.sector_size / numbers_in_sector + 1;
        let mut sectors: Vec<u32> = numbers(&header[76..]).filter(|number| *number < ENDS).collect();
        let mut list = u32_at(header, 68);
        for _ in 0..=most / (numbers_in_sector - 1) {
            if sectors.len() >= most {
                break;
            }
            let Some(bytes) = self.sector(list).filter(|bytes| bytes.len() == self.sector_size) else {
                break;
            };
            let (listed, next) = bytes.split_at(self.sector_size - 4);
            sectors.extend(numbers(listed).filter(|number| *number < ENDS));
            list = u32_at(next, 0);
        }
        sectors.truncate(most);
        for number in sectors {
            let start = self.fat.len();
            self.fat.extend(self.sector(number).into_iter().flat_map(numbers).collect::<Vec<_>>());
            self.fat.resize(start + numbers_in_sector, u32::MAX);
        }
    }

    /// Puts the entries into their storages. Each stands in one of them, so that none is read twice.
    fn read_tree(&mut self) {
        let mut seen = HashSet::from([ROOT]);
        let mut waiting = vec![(ROOT, self.entries[0].child)];
        while let Some((storage, id)) = waiting.pop() {
            let Some(entry) = self.entries.get(id as usize).filter(|_| seen.insert(id)) else { continue };
            waiting.extend(entry.siblings.map(|sibling| (storage, sibling)));
            if entry.is_storage {
                waiting.push((id, entry.child));
            }
            if entry.is_storage || entry.is_stream {
                self.tree.entry((storage, entry.name.clone())).or_insert(id);
            }
        }
    }

    /// A sector, or the beginning that is left of it.
    fn sector(&self, number: u32) -> Option<&'b [u8]> {
        let start = (number as usize).checked_add(1)?.checked_mul(self.sector_size)?;
        let rest = self.bytes.get(start..).filter(|rest| number < ENDS && !rest.is_empty())?;
        Some(&rest[..rest.len().min(self.sector_size)])
    }

    /// At most `length` bytes of a chain of sectors.
    fn chain(&self, start: u32, length: usize) -> Vec<u8> {
        collect(start, length, &self.fat, &self.left, |number| self.sector(number))
    }

    /// At most `length` bytes of a chain of the small sectors.
    fn mini_chain(&self, start: u32, length: usize) -> Vec<u8> {
        collect(start, length, &self.mini_fat, &self.left, |number| {
            let rest = self.mini_stream.get((number as usize).checked_mul(MINI_SECTOR)?..)?;
            Some(&rest[..rest.len().min(MINI_SECTOR)])
        })
    }
}

/// At most `length` bytes of the sectors from `start` on, as far as there are bytes `left` to be read.
fn collect<'s>(
    start: u32,
    length: usize,
    next: &[u32],
    left: &Cell<usize>,
    sector: impl Fn(u32) -> Option<&'s [u8]>,
) -> Vec<u8> {
    let mut read = Vec::new();
    let mut number = start;
    while read.len() < length && number < ENDS {
        let Some(bytes) = sector(number) else { break };
        let bytes = &bytes[..bytes.len().min(length - read.len()).min(left.get())];
        if bytes.is_empty() {
            break;
        }
        left.set(left.get() - bytes.len());
        read.extend_from_slice(bytes);
        number = next.get(number as usize).copied().unwrap_or(u32::MAX);
    }
    read
}

/// A length that is declared, as far as the file can hold it.
fn to_size(length: u64, most: usize) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX).min(most)
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four))
}

/// The length from which on a stream stands in sectors of the file itself.
pub(crate) const SHORTEST: usize = MINI_STREAM as usize;

/// A sound compound file of one stream, for libraries that trust what a file says of itself. `None` where the stream is
/// shorter than [`SHORTEST`], or longer than the table in the header can name.
pub(crate) fn with_stream(name: &str, stream: &[u8]) -> Option<Vec<u8>> {
    const SECTOR: usize = 4096;
    const NAMED: usize = 109;
    const FREE: u32 = 0xFFFF_FFFF;
    const END: u32 = 0xFFFF_FFFE;
    const TABLE: u32 = 0xFFFF_FFFD;
    // Sectors: the table, the directory, the stream.
    let data = stream.len().div_ceil(SECTOR);
    let tables = (1..=NAMED).find(|tables| tables * SECTOR / 4 > tables + data)?;
    if stream.len() < SHORTEST {
        return None;
    }
    let (tables32, data32) = (u32::try_from(tables).ok()?, u32::try_from(data).ok()?);

    let mut file = Vec::with_capacity((2 + tables + data) * SECTOR);
    let numbers = |file: &mut Vec<u8>, all: &mut dyn Iterator<Item = u32>| {
        file.extend(all.flat_map(u32::to_le_bytes));
    };
    file.extend(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
    file.resize(24, 0);
    // Version 4, little endian, sectors of 4096 bytes and of 64.
    file.extend([0x3E, 0, 4, 0, 0xFE, 0xFF, 12, 0, 6, 0]);
    file.resize(40, 0);
    numbers(&mut file, &mut [1, tables32, tables32, 0, MINI_STREAM as u32, END, 0, END, 0].into_iter());
    numbers(&mut file, &mut (0..tables32));
    file.resize(512, 0xFF);
    file.resize(SECTOR, 0);

    numbers(&mut file, &mut (0..tables32).map(|_| TABLE).chain([END]));
    let first = tables32 + 1;
    numbers(&mut file, &mut (first + 1..first + data32).chain([END]));
    let table_ends = (1 + tables) * SECTOR;
    file.resize(table_ends, 0xFF);

    let mut entry = |name: &str, kind: u8, child: u32, start: u32, length: u64| {
        let at = file.len();
        file.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        let name_length = file.len() - at + 2;
        file.resize(at + 64, 0);
        file.extend([name_length as u8, 0, kind, 1]);
        numbers(&mut file, &mut [FREE, FREE, child].into_iter());
        file.resize(at + 116, 0);
        numbers(&mut file, &mut [start].into_iter());
        file.extend(length.to_le_bytes());
    };
    // A start that is none is taken for a file without a directory.
    entry("Root Entry", 5, 1, 0, 0);
    entry(name, 2, FREE, first, stream.len() as u64);
    file.resize(table_ends + SECTOR, 0);
    file.extend(stream);
    file.resize((2 + tables + data) * SECTOR, 0);
    Some(file)
}

/// The number of four bytes at `at`; 0 where the bytes end before.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map_or(0, u16::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_was_put_into_a_file_is_read_from_it() {
        for length in [4096, 4097, 5_000_000] {
            let stream: Vec<u8> = (0..length).map(|n| n as u8 | 1).collect();
            let file = with_stream("Workbook", &stream).unwrap();
            let ole = Ole::open(&file).unwrap();
            assert!(ole.stream(ROOT, "workbook").unwrap() == stream && !ole.is_cut());
        }
        assert!(with_stream("Workbook", &[1; 4095]).is_none());
        assert!(with_stream("Workbook", &vec![0; 500 << 20]).is_none());
    }
}
