//! Decodes Huffman codes from entropy-coded bytes.

use super::Flaw;

/// Codes of up to this many bits are looked up in a table.
const FAST_BITS: u32 = 9;

/// A Huffman table as a DHT segment defines it.
pub struct Huffman {
    /// Length and symbol for the next `FAST_BITS` bits; length 0 for longer or invalid codes.
    fast: Vec<(u8, u8)>,
    /// For each length from 1: the first code above it, left-aligned in 16 bits, and the difference
    /// between the index of a symbol and its code.
    ends: [u32; 16],
    offsets: [i32; 16],
    symbols: Vec<u8>,
}

impl Huffman {
    /// Reads the table at the start of `bytes`, after its class and number. Returns it with its
    /// length in bytes.
    pub fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let counts = bytes.get(..16)?;
        let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
        let symbols = bytes.get(16..16 + total)?.to_vec();
        let mut table = Self {
            fast: vec![(0, 0); 1 << FAST_BITS],
            ends: [0; 16],
            offsets: [0; 16],
            symbols,
        };
        let (mut code, mut place) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let index = length as usize - 1;
            table.offsets[index] = place as i32 - code as i32;
            for _ in 0..counts[index] {
                table.enter(code, length, place);
                code += 1;
                place += 1;
            }
            if code > 1 << length {
                return None;
            }
            table.ends[index] = code << (16 - length);
            code <<= 1;
        }
        Some((table, 16 + total))
    }

    fn enter(&mut self, code: u32, length: u32, place: usize) {
        if length <= FAST_BITS {
            let shift = FAST_BITS - length;
            let first = (code << shift) as usize;
            let symbol = self.symbols[place];
            for entry in self.fast.iter_mut().skip(first).take(1 << shift) {
                *entry = (length as u8, symbol);
            }
        }
    }

    /// The symbol at the start of 16 bits, and the length of its code; `None` for an invalid code.
    fn find(&self, window: u32) -> Option<(u8, u32)> {
        let (length, symbol) = self.fast[(window >> (16 - FAST_BITS)) as usize];
        if length > 0 {
            return Some((symbol, u32::from(length)));
        }
        let index = self.ends.iter().position(|end| window < *end)?;
        let length = index as u32 + 1;
        let place = (window >> (16 - length)) as i32 + self.offsets[index];
        let symbol = self.symbols.get(usize::try_from(place).ok()?)?;
        Some((*symbol, length))
    }
}

/// Entropy-coded bytes, up to a marker or the end of the file.
pub struct Bits<'a> {
    bytes: &'a [u8],
    /// The offset of the next byte that is not in `buffer`.
    at: usize,
    /// The lowest `count` bits are the next ones.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            buffer: 0,
            count: 0,
        }
    }

    /// The offset at which to search for the next marker.
    pub fn at(&self) -> usize {
        self.at
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let Some(byte) = self.next_byte() else {
                return;
            };
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// The next byte without its stuffing; `None` before a marker and at the end of the file.
    fn next_byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        if byte != 0xff {
            self.at += 1;
            return Some(byte);
        }
        if self.bytes.get(self.at + 1) == Some(&0) {
            self.at += 2;
            return Some(0xff);
        }
        None
    }

    /// The next `count` bits, 16 at most.
    pub fn bits(&mut self, count: u32) -> Result<u32, Flaw> {
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count).ok_or(Flaw::Short)?;
        Ok((self.buffer >> self.count) as u32 & ((1 << count) - 1))
    }

    /// The next symbol.
    pub fn symbol(&mut self, table: &Huffman) -> Result<u8, Flaw> {
        if self.count < 16 {
            self.fill();
        }
        let window = match self.count.checked_sub(16) {
            Some(behind) => self.buffer >> behind,
            None => self.buffer << (16 - self.count),
        };
        let (symbol, length) = table.find(window as u32 & 0xffff).ok_or(match self.count {
            ..16 => Flaw::Short,
            _ => Flaw::Code,
        })?;
        self.count = self.count.checked_sub(length).ok_or(Flaw::Short)?;
        Ok(symbol)
    }

    /// Discards the bits before the restart marker with this number, from 0 to 7, and reads it.
    pub fn restart(&mut self, number: u8) -> Result<(), Flaw> {
        if self.leftover() > 0 {
            return Err(Flaw::Restart);
        }
        self.count = 0;
        while self.bytes.get(self.at + 1) == Some(&0xff) {
            self.at += 1;
        }
        if self.at + 1 >= self.bytes.len() {
            return Err(Flaw::Short);
        }
        if self.bytes.get(self.at + 1) != Some(&(0xd0 + number)) {
            return Err(Flaw::Restart);
        }
        self.at += 2;
        Ok(())
    }

    /// Discards the whole bytes before the next marker or the end of the file. Returns their
    /// number.
    pub fn leftover(&mut self) -> usize {
        let mut bytes = self.count as usize / 8;
        self.count = 0;
        while self.next_byte().is_some() {
            bytes += 1;
        }
        bytes
    }
}
