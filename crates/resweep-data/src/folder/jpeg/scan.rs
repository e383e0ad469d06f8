//! Decodes the Huffman codes of one scan.

use super::Flaw;
use super::bits::{Bits, Huffman};
use super::frame::{Component, Frame};

/// A scan's header with the current tables.
pub struct Scan<'a> {
    parts: Vec<Part<'a>>,
    /// Whether a code can end several blocks.
    progressive: bool,
    /// The first and last coefficient in zigzag order.
    first: usize,
    last: usize,
    /// Whether the scan adds one bit to coefficients that were read before.
    refines: bool,
    lowest: u8,
}

/// A component of a scan.
struct Part<'a> {
    component: usize,
    dc: Option<&'a Huffman>,
    ac: Option<&'a Huffman>,
}

impl<'a> Scan<'a> {
    /// Reads a scan's header; `None` if it does not fit the frame or lacks a table.
    pub fn read(
        header: &[u8],
        frame: &Frame,
        dc: &'a [Option<Huffman>; 4],
        ac: &'a [Option<Huffman>; 4],
    ) -> Option<Self> {
        let (&count, rest) = header.split_first()?;
        let parts = rest.get(..2 * usize::from(count))?;
        let &[first, last, bits] = rest.get(parts.len()..)?.first_chunk::<3>()?;
        let parts: Option<Vec<Part>> = (parts.chunks_exact(2))
            .map(|part| {
                let mut components = frame.components.iter();
                Some(Part {
                    component: components.position(|component| component.id == part[0])?,
                    dc: dc[usize::from(part[1] >> 4 & 3)].as_ref(),
                    ac: ac[usize::from(part[1] & 3)].as_ref(),
                })
            })
            .collect();
        let (first, last) = match frame.progressive {
            true => (usize::from(first), usize::from(last)),
            false => (0, 63),
        };
        let scan = Self {
            parts: parts?,
            progressive: frame.progressive,
            first,
            last,
            refines: frame.progressive && bits >> 4 > 0,
            lowest: if frame.progressive { bits & 15 } else { 0 },
        };
        scan.is_sound(frame).then_some(scan)
    }

    /// Whether the tables exist and the frame type allows the coefficients.
    fn is_sound(&self, frame: &Frame) -> bool {
        let needs_dc = self.first == 0 && !self.refines;
        let needs_ac = self.last > 0;
        let mut parts = self.parts.iter();
        let tables =
            |part: &Part| (part.dc.is_some() || !needs_dc) && (part.ac.is_some() || !needs_ac);
        let range = self.first <= self.last && self.last < 64;
        let apart = match frame.progressive {
            true if self.first == 0 => self.last == 0,
            true => self.parts.len() == 1,
            false => true,
        };
        !self.parts.is_empty() && parts.all(tables) && range && apart
    }

    /// Reads the codes of all blocks.
    pub fn decode(
        &self,
        frame: &mut Frame,
        bits: &mut Bits<'_>,
        restart_interval: usize,
    ) -> Result<(), Flaw> {
        let mut pace = Pace {
            interval: restart_interval,
            done: 0,
        };
        match &self.parts[..] {
            [part] => self.alone(part, &mut frame.components[part.component], bits, &mut pace)?,
            _ => self.interleaved(frame, bits, &mut pace)?,
        }
        for part in &self.parts {
            frame.components[part.component].learn(self.first..=self.last, self.lowest);
        }
        Ok(())
    }

    fn alone(
        &self,
        part: &Part<'_>,
        component: &mut Component,
        bits: &mut Bits<'_>,
        pace: &mut Pace,
    ) -> Result<(), Flaw> {
        let mut run = 0;
        for row in 0..component.blocks[1] {
            for column in 0..component.blocks[0] {
                if pace.restarts(bits)? {
                    run = 0;
                }
                let place = row * component.stride + column;
                self.block(part, component.nonzero.get_mut(place), bits, &mut run)?;
            }
        }
        Ok(())
    }

    fn interleaved(
        &self,
        frame: &mut Frame,
        bits: &mut Bits<'_>,
        pace: &mut Pace,
    ) -> Result<(), Flaw> {
        for _ in 0..frame.mcus[0] * frame.mcus[1] {
            pace.restarts(bits)?;
            for part in &self.parts {
                let [across, down] = frame.components[part.component].sampling;
                // only DC coefficients of a progressive frame, which need no memory
                for _ in 0..across * down {
                    self.block(part, None, bits, &mut 0)?;
                }
            }
        }
        Ok(())
    }

    /// Reads the codes of one block. `nonzero` is that of its coefficients, and `run` the number of
    /// blocks, from this one on, without further codes.
    fn block(
        &self,
        part: &Part<'_>,
        nonzero: Option<&mut u64>,
        bits: &mut Bits<'_>,
        run: &mut u32,
    ) -> Result<(), Flaw> {
        if self.first == 0 {
            match part.dc {
                Some(table) if !self.refines => {
                    let length = bits.symbol(table)?;
                    magnitude(bits, length)?;
                }
                _ => {
                    bits.bits(1)?;
                }
            }
        }
        match (part.ac, nonzero) {
            (Some(table), Some(nonzero)) if self.last > 0 && self.refines => {
                self.refined(table, nonzero, bits, run)
            }
            (Some(table), nonzero) if self.last > 0 => self.fresh(table, nonzero, bits, run),
            _ => Ok(()),
        }
    }

    /// Reads AC coefficients that no earlier scan has provided.
    fn fresh(
        &self,
        table: &Huffman,
        nonzero: Option<&mut u64>,
        bits: &mut Bits<'_>,
        run: &mut u32,
    ) -> Result<(), Flaw> {
        if *run > 0 {
            *run -= 1;
            return Ok(());
        }
        let (mut place, mut found) = (self.first.max(1), 0_u64);
        while place <= self.last {
            let symbol = bits.symbol(table)?;
            let (zeros, length) = (usize::from(symbol >> 4), symbol & 15);
            if length == 0 && zeros < 15 {
                if self.progressive {
                    *run = (1 << zeros) - 1 + bits.bits(zeros as u32)?;
                }
                break;
            }
            place += zeros;
            if length > 0 {
                if place > self.last {
                    return Err(Flaw::Code);
                }
                magnitude(bits, length)?;
                found |= 1 << place;
            }
            place += 1;
        }
        if let Some(nonzero) = nonzero {
            *nonzero |= found;
        }
        Ok(())
    }

    /// Reads one more bit of AC coefficients, including those that become nonzero.
    fn refined(
        &self,
        table: &Huffman,
        nonzero: &mut u64,
        bits: &mut Bits<'_>,
        run: &mut u32,
    ) -> Result<(), Flaw> {
        let mut place = self.first;
        while *run == 0 && place <= self.last {
            let symbol = bits.symbol(table)?;
            let (mut zeros, length) = (symbol >> 4, symbol & 15);
            match length {
                0 if zeros < 15 => {
                    *run = (1 << zeros) + bits.bits(u32::from(zeros))?;
                    break;
                }
                0 => {}
                1 => {
                    bits.bits(1)?;
                }
                _ => return Err(Flaw::Code),
            }
            while place <= self.last {
                if *nonzero >> place & 1 == 1 {
                    bits.bits(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                place += 1;
            }
            if length > 0 {
                if place > self.last {
                    return Err(Flaw::Code);
                }
                *nonzero |= 1 << place;
            }
            place += 1;
        }
        if *run > 0 {
            for place in place..=self.last {
                if *nonzero >> place & 1 == 1 {
                    bits.bits(1)?;
                }
            }
            *run -= 1;
        }
        Ok(())
    }
}

/// Reads the bits of a coefficient of this length.
fn magnitude(bits: &mut Bits<'_>, length: u8) -> Result<(), Flaw> {
    match length {
        0 => Ok(()),
        1..=16 => bits.bits(u32::from(length)).map(drop),
        _ => Err(Flaw::Code),
    }
}

/// Counts MCUs up to the next restart marker.
struct Pace {
    /// 0 for no markers.
    interval: usize,
    done: usize,
}

impl Pace {
    /// Called before each MCU: reads the restart marker where one is due.
    fn restarts(&mut self, bits: &mut Bits<'_>) -> Result<bool, Flaw> {
        let due = self.interval > 0 && self.done > 0 && self.done.is_multiple_of(self.interval);
        if due {
            bits.restart(((self.done / self.interval - 1) % 8) as u8)?;
        }
        self.done += 1;
        Ok(due)
    }
}
