//! Compound files (OLE) made here.

const SECTOR: usize = 512;
const MINI: usize = 64;
const NONE: u32 = u32::MAX;
const END: u32 = u32::MAX - 1;

struct Node {
    name: String,
    kind: u8,
    children: Vec<usize>,
    start: u32,
    length: usize,
}

/// Adds `bytes` to `store`, whose chains are `table`, and gives where they start.
fn place(bytes: &[u8], unit: usize, store: &mut Vec<u8>, table: &mut Vec<u32>) -> u32 {
    if bytes.is_empty() {
        return END;
    }
    let first = table.len() as u32;
    let count = bytes.len().div_ceil(unit) as u32;
    table.extend((1..count).map(|step| first + step).chain([END]));
    store.extend(bytes);
    store.resize(table.len() * unit, 0);
    first
}

/// A compound file of `streams`, each with its path: `__recip_version1.0_#00000000/__properties_version1.0`.
pub(super) fn compound(streams: &[(String, Vec<u8>)]) -> Vec<u8> {
    let node =
        |name: &str, kind| Node { name: name.to_owned(), kind, children: Vec::new(), start: END, length: 0 };
    let mut nodes = vec![node("Root Entry", 5)];
    let (mut sectors, mut fat) = (Vec::new(), Vec::new());
    let (mut small, mut small_fat) = (Vec::new(), Vec::new());
    for (path, bytes) in streams {
        let (mut at, mut steps) = (0, path.split('/').peekable());
        while let Some(step) = steps.next() {
            let known = nodes[at].children.iter().copied().find(|child| nodes[*child].name == step);
            let next = known.unwrap_or(nodes.len());
            if known.is_none() {
                nodes.push(node(step, if steps.peek().is_some() { 1 } else { 2 }));
                nodes[at].children.push(next);
            }
            at = next;
        }
        nodes[at].length = bytes.len();
        nodes[at].start = if bytes.len() < 4096 {
            place(bytes, MINI, &mut small, &mut small_fat)
        } else {
            place(bytes, SECTOR, &mut sectors, &mut fat)
        };
    }
    nodes[0].length = small.len();
    nodes[0].start = place(&small, SECTOR, &mut sectors, &mut fat);
    let small_fat: Vec<u8> = small_fat.into_iter().flat_map(u32::to_le_bytes).collect();
    let mut padded = small_fat;
    padded.resize(padded.len().next_multiple_of(SECTOR), 0xFF);
    let small_fat_start = place(&padded, SECTOR, &mut sectors, &mut fat);
    let directory = place(&entries(&nodes), SECTOR, &mut sectors, &mut fat);
    let mut tables = 1;
    while tables * SECTOR / 4 < fat.len() + tables {
        tables += 1;
    }
    assert!(tables <= 109, "the list of tables stands in the header");
    let first_table = fat.len() as u32;
    fat.resize(fat.len() + tables, NONE - 2);
    let mut table: Vec<u8> = fat.into_iter().flat_map(u32::to_le_bytes).collect();
    table.resize(tables * SECTOR, 0xFF);

    let mut file = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    file.resize(24, 0);
    file.extend([0x3E, 0, 3, 0, 0xFE, 0xFF, 9, 0, 6, 0]);
    file.resize(44, 0);
    let numbers =
        [tables as u32, directory, 0, 4096, small_fat_start, (padded.len() / SECTOR) as u32, END, 0];
    file.extend(numbers.into_iter().flat_map(u32::to_le_bytes));
    file.extend((0..tables as u32).flat_map(|table| (first_table + table).to_le_bytes()));
    file.resize(SECTOR, 0xFF);
    file.extend(sectors);
    file.extend(table);
    file
}

/// The directory: the children of a storage are a chain of right siblings.
fn entries(nodes: &[Node]) -> Vec<u8> {
    let mut right = vec![NONE; nodes.len()];
    for node in nodes {
        for pair in node.children.windows(2) {
            right[pair[0]] = pair[1] as u32;
        }
    }
    let mut bytes = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let end = bytes.len() + 128;
        bytes.extend(node.name.encode_utf16().flat_map(u16::to_le_bytes));
        bytes.resize(end - 64, 0);
        bytes.extend(((node.name.encode_utf16().count() as u16 + 1) * 2).to_le_bytes());
        bytes.extend([node.kind, 1]);
        let child = node.children.first().map_or(NONE, |child| *child as u32);
        bytes.extend([NONE, right[index], child].into_iter().flat_map(u32::to_le_bytes));
        bytes.resize(end - 12, 0);
        bytes.extend(node.start.to_le_bytes());
        bytes.extend((node.length as u64).to_le_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
    bytes
}
