//! SVG, which browsers, editors and GitHub show.

use std::fmt::{self, Write as _};

use super::layout::{Edge, HEADER, Kind, Layout, Node, PADDING, Path, Step};
use crate::Graph;

/// The colours of edges, by the node that they come from. All can be told from the background,
/// and from each other, also by those who see no red or green.
const COLOURS: [&str; 8] =
    ["#2563a8", "#b4530a", "#0f766e", "#8b3a8f", "#5d6d1e", "#b3304a", "#3f4d9e", "#6b5b4b"];

/// How the rest looks. The background is part of it, so that it is readable on dark pages too.
const STYLE: &str = "\
text { font-family: Helvetica, Arial, 'DejaVu Sans', sans-serif; font-size: 11px; fill: #475569 }
.name { font-size: 14px; font-weight: bold; fill: #0f172a }
.caption { font-size: 16px; font-weight: bold; fill: #0f172a }
.box { fill: #ffffff; stroke: #64748b; stroke-width: 1.2 }
.junction .box { fill: #eef2ff; stroke-dasharray: 5 3 }
.value .box { fill: #fef9c3; stroke: #ca9a04 }
.port .box { fill: #e2e8f0 }
.rule { stroke: #cbd5e1 }
.edge { fill: none; stroke-width: 1.7 }
.edge.initial { stroke-dasharray: 4 3; stroke-width: 1.2 }
.pin { fill: #ffffff; stroke-width: 1.5 }
";

/// How long an arrow's head is.
const ARROW: f64 = 8.0;
/// The space for the name of the graph.
const CAPTION: f64 = 34.0;

/// The graph as [SVG](https://developer.mozilla.org/docs/Web/SVG): nodes in columns from left to
/// right, with their ports, and edges that run through no node.
///
/// ```
/// let graph = msgflo_graph::Graph::from_fbp("web(Api) RESIZE -> IN resize(Resize)").unwrap();
/// let svg = msgflo_graph::draw::svg(&graph);
/// assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
/// assert!(svg.contains(">web</text>") && svg.contains(">RESIZE</text>"));
/// ```
pub fn svg(graph: &Graph) -> String {
    let layout = Layout::new(graph);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, &layout, graph.name());
    text
}

fn write(svg: &mut String, layout: &Layout, name: Option<&str>) -> fmt::Result {
    let caption = if name.is_some() { CAPTION } else { 0.0 };
    let width =
        layout.width.max(name.map_or(0.0, |name| name.chars().count() as f64 * 10.0 + 48.0));
    let height = layout.height + caption;
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">"
    )?;
    writeln!(svg, "<title>{}</title>", Escaped(name.unwrap_or("A MsgFlo network")))?;
    writeln!(svg, "<style>\n{STYLE}</style>")?;
    writeln!(svg, "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#f8fafc\"/>")?;
    if let Some(name) = name {
        writeln!(svg, "<text class=\"caption\" x=\"24\" y=\"34\">{}</text>", Escaped(name))?;
        writeln!(svg, "<g transform=\"translate(0 {CAPTION})\">")?;
    }
    for edge in &layout.edges {
        write_edge(svg, layout, edge)?;
    }
    for (index, node) in layout.nodes.iter().enumerate() {
        write_node(svg, layout, index, node)?;
    }
    if name.is_some() {
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    Ok(())
}

fn colour(layout: &Layout, node: usize) -> &'static str {
    match layout.nodes[node].kind {
        Kind::Value => "#a07a08",
        Kind::Inport | Kind::Outport => "#475569",
        Kind::Participant | Kind::Junction => COLOURS[node % COLOURS.len()],
    }
}

fn write_edge(svg: &mut String, layout: &Layout, edge: &Edge) -> fmt::Result {
    let colour = colour(layout, edge.source.0);
    let initial = match layout.nodes[edge.source.0].kind {
        Kind::Value => " initial",
        _ => "",
    };
    let (source, target) = (&layout.nodes[edge.source.0], &layout.nodes[edge.target.0]);
    writeln!(svg, "<g stroke=\"{colour}\">")?;
    let ports = |node: &Node, port: &str| format!("{} {port}", node.name).trim_end().to_owned();
    writeln!(
        svg,
        "<title>{} → {}</title>",
        Escaped(&ports(source, &source.outports[edge.source.1].label)),
        Escaped(&ports(target, &target.inports[edge.target.1].label)),
    )?;
    writeln!(svg, "<path class=\"edge{initial}\" d=\"{}\"/>", edge.path)?;
    let (x, y) = (target.area.x, target.area.y + target.inports[edge.target.1].y);
    let (back, half) = (x - ARROW, ARROW / 2.0);
    writeln!(
        svg,
        "<path fill=\"{colour}\" stroke=\"none\" d=\"M{x:.1} {y:.1}L{back:.1} {:.1}V{:.1}Z\"/>",
        y - half,
        y + half
    )?;
    svg.push_str("</g>\n");
    Ok(())
}

fn write_node(svg: &mut String, layout: &Layout, index: usize, node: &Node) -> fmt::Result {
    let area = &node.area;
    let (class, round) = match node.kind {
        Kind::Participant => ("participant", 6.0),
        Kind::Junction => ("junction", 14.0),
        Kind::Value => ("value", 2.0),
        Kind::Inport | Kind::Outport => ("port", area.height / 2.0),
    };
    writeln!(svg, "<g class=\"{class}\">\n<title>{}</title>", Escaped(&node.title))?;
    writeln!(
        svg,
        "<rect class=\"box\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{round}\"/>",
        area.x, area.y, area.width, area.height
    )?;
    let middle = area.x + area.width / 2.0;
    let mut centred = |class: &str, y: f64, text: &str| {
        writeln!(
            svg,
            "<text{class} x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            area.y + y,
            Escaped(text)
        )
    };
    if !matches!(node.kind, Kind::Participant | Kind::Junction) {
        centred("", 16.0, &node.name)?;
        svg.push_str("</g>\n");
        return Ok(());
    }
    centred(" class=\"name\"", 20.0, &node.name)?;
    centred("", 36.0, &node.component)?;
    if node.inports.len() + node.outports.len() > 0 {
        let (left, right, y) = (area.x, area.right(), area.y + HEADER);
        writeln!(svg, "<path class=\"rule\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>")?;
    }
    for pin in &node.inports {
        let (x, y) = (area.x + PADDING, area.y + pin.y + 4.0);
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", Escaped(&pin.label))?;
    }
    for pin in &node.outports {
        let (right, y) = (area.right(), area.y + pin.y);
        let x = right - PADDING;
        writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            y + 4.0,
            Escaped(&pin.label)
        )?;
        let colour = colour(layout, index);
        writeln!(
            svg,
            "<circle class=\"pin\" cx=\"{right:.1}\" cy=\"{y:.1}\" r=\"3\" stroke=\"{colour}\"/>"
        )?;
    }
    svg.push_str("</g>\n");
    Ok(())
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M{:.1} {:.1}", self.start.0, self.start.1)?;
        for step in &self.steps {
            match step {
                Step::Line((x, y)) => write!(f, "L{x:.1} {y:.1}")?,
                Step::Curve(a, b, to) => {
                    write!(
                        f,
                        "C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
                        a.0, a.1, b.0, b.1, to.0, to.1
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// Text in XML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\n' => f.write_char('\n')?,
                // XML has no others, however they are written.
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
