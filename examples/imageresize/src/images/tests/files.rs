//! Small files, as programs other than this one write them.

/// What a JPEG of 8 x 8 equal pixels is made with.
#[derive(Default)]
pub struct Flat<'a> {
    /// The value of each component.
    pub values: &'a [u8],
    /// The components' identifiers, where they are not 1, 2, …
    pub names: &'a [u8],
    /// The colour transform that Adobe's marker tells, where there is one.
    pub adobe: Option<u8>,
    pub profile: &'a [u8],
}

impl Flat<'_> {
    pub fn jpeg(&self) -> Vec<u8> {
        let count = self.values.len() as u8;
        let name = |number: u8| self.names.get(usize::from(number)).copied().unwrap_or(number + 1);
        let mut jpeg = vec![0xFF, 0xD8];
        if let Some(transform) = self.adobe {
            segment(&mut jpeg, 0xEE, &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat());
        }
        if !self.profile.is_empty() {
            segment(&mut jpeg, 0xE2, &[b"ICC_PROFILE\0\x01\x01", self.profile].concat());
        }
        // By 8, so that a coefficient is the distance from 128.
        segment(&mut jpeg, 0xDB, &[&[0], [8; 64].as_slice()].concat());
        let mut frame = vec![8, 0, 8, 0, 8, count];
        (0..count).for_each(|number| frame.extend([name(number), 0x11, 0]));
        segment(&mut jpeg, 0xC0, &frame);
        // The first coefficient's length, 0 to 11, in 4 bits; "no others" in one.
        let mut lengths = [0; 16];
        lengths[3] = 12;
        let numbers: Vec<u8> = (0..12).collect();
        segment(&mut jpeg, 0xC4, &[&[0], lengths.as_slice(), &numbers].concat());
        (lengths[3], lengths[0]) = (0, 1);
        segment(&mut jpeg, 0xC4, &[&[0x10], lengths.as_slice(), &[0]].concat());
        let mut scan = vec![count];
        (0..count).for_each(|number| scan.extend([name(number), 0]));
        scan.extend([0, 63, 0]);
        segment(&mut jpeg, 0xDA, &scan);
        jpeg.extend(self.pixels());
        jpeg.extend([0xFF, 0xD9]);
        jpeg
    }

    fn pixels(&self) -> Vec<u8> {
        let mut bits = String::new();
        for value in self.values {
            let distance = i32::from(*value) - 128;
            let length = (32 - distance.unsigned_abs().leading_zeros()) as usize;
            // What is below zero is told by the bits that are not set.
            let told = if distance < 0 { distance + (1 << length) - 1 } else { distance };
            bits += &format!("{length:04b}");
            if length > 0 {
                bits += &format!("{told:0length$b}");
            }
            bits += "0";
        }
        let mut bytes = Vec::new();
        for byte in bits.as_bytes().chunks(8) {
            let byte = format!("{:1<8}", str::from_utf8(byte).unwrap());
            bytes.push(u8::from_str_radix(&byte, 2).unwrap());
            if bytes.last() == Some(&0xFF) {
                bytes.push(0);
            }
        }
        bytes
    }
}

fn segment(jpeg: &mut Vec<u8>, marker: u8, body: &[u8]) {
    jpeg.extend([0xFF, marker]);
    jpeg.extend((body.len() as u16 + 2).to_be_bytes());
    jpeg.extend(body);
}

/// The colour profile of a press on which every ink is the same grey.
pub fn press() -> Vec<u8> {
    let ramp: Vec<u8> = (0..=255).collect();
    let mut table = b"mft1\0\0\0\0\x04\x03\x02\0".to_vec();
    for unit in [1, 0, 0, 0, 1, 0, 0, 0, 1u32] {
        table.extend((unit << 16).to_be_bytes());
    }
    table.extend(ramp.repeat(4));
    // L*, a* and b* for each of the 16 ways to mix four inks.
    table.extend([128, 128, 128].repeat(16));
    table.extend(ramp.repeat(3));
    let white = b"XYZ \0\0\0\0\0\0\xF6\xD6\0\x01\0\0\0\0\xD3\x2D";
    let mut profile = vec![0; 128];
    profile[8..24].copy_from_slice(b"\x02\x20\0\0prtrCMYKLab ");
    profile[36..40].copy_from_slice(b"acsp");
    profile[68..80].copy_from_slice(&white[8..]);
    profile.extend(2u32.to_be_bytes());
    let first = 128 + 4 + 2 * 12;
    for (name, start, length) in
        [(b"wtpt", first, white.len()), (b"A2B0", first + white.len(), table.len())]
    {
        profile.extend(name);
        profile.extend((start as u32).to_be_bytes());
        profile.extend((length as u32).to_be_bytes());
    }
    profile.extend(white);
    profile.extend(table);
    let length = profile.len() as u32;
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile
}
