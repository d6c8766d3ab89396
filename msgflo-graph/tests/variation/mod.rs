//! The sample graphs, and texts that differ a little from them. The same ones in every run.

use std::fs;
use std::path::Path;

/// The sample graphs: name and text.
pub fn samples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphs");
    let mut samples: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    samples.sort();
    samples
}

/// Sample graphs with pieces taken out, put in, doubled and exchanged.
pub fn variations(count: usize) -> Vec<String> {
    let samples: Vec<String> = samples().into_iter().map(|(_, text)| text).collect();
    let pieces = [
        "->",
        " -> ",
        "(",
        ")",
        "()",
        "(A)",
        "(A:x=1)",
        "[",
        "]",
        "[3]",
        "'",
        "\\'",
        "\"",
        "{",
        "}",
        "{}",
        ",",
        "#",
        "# @a b\n",
        ":",
        ".",
        "=",
        "\n",
        "\r\n",
        "\t",
        " ",
        "a",
        "IN",
        " OUT ",
        "INPORT=",
        "OUTPORT=a.OUT:o",
        "DEFAULT_INPORT=",
        "true",
        "1",
        "-",
        "1.5e3",
        "ä",
        "\u{2028}",
    ];
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let mut variation = || {
        let mut text: Vec<char> = samples[chance.below(samples.len())].chars().collect();
        // Short ones vary more.
        if text.len() > 60 && chance.below(2) == 0 {
            let start = chance.below(text.len() - 40);
            text = text[start..start + 40].to_vec();
        }
        for _ in 0..=chance.below(3) {
            let at = chance.below(text.len() + 1);
            let end = (at + chance.below(4)).min(text.len());
            match chance.below(4) {
                0 => drop(text.drain(at..end)),
                1 => {
                    let doubled = text[at..end].to_vec();
                    text.splice(at..at, doubled);
                }
                2 => {
                    let piece = pieces[chance.below(pieces.len())];
                    text.splice(at..end, piece.chars());
                }
                _ => {
                    let piece = pieces[chance.below(pieces.len())];
                    text.splice(at..at, piece.chars());
                }
            }
        }
        text.into_iter().collect()
    };
    (0..count).map(|_| variation()).collect()
}

/// Xorshift: chance that is the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
