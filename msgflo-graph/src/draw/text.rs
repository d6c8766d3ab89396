//! How wide a text is, about: nobody knows which font it will be shown in.

#[derive(Clone, Copy)]
pub(super) enum Font {
    /// Names of nodes: bold.
    Name,
    /// All else.
    Small,
}

impl Font {
    pub fn size(self) -> f64 {
        match self {
            Self::Name => 14.0,
            Self::Small => 11.0,
        }
    }
}

/// In pixels, rather too wide than too narrow.
pub(super) fn width(text: &str, font: Font) -> f64 {
    let bold = if matches!(font, Font::Name) { 1.06 } else { 1.0 };
    text.chars().map(relative).sum::<f64>() * font.size() * bold
}

/// Of the letters of Helvetica, Arial, DejaVu Sans and their like, the wider ones.
fn relative(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' | 'I' => 0.33,
        'f' | 't' | 'r' | '.' | ',' | ':' | ';' | '!' | '(' | ')' | '[' | ']' | '/' | '\\'
        | ' ' | '-' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.95,
        c if c.is_ascii_uppercase() => 0.73,
        c if c.is_ascii() => 0.61,
        // Scripts with letters as wide as they are high, and emoji.
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f000}'..='\u{3ffff}' => 1.05,
        _ => 0.75,
    }
}
