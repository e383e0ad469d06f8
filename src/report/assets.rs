//! The page's style and script, concatenated at compile time.

/// The style sheet.
pub(super) const STYLE: &str = concat!(
    include_str!("assets/colours.css"),
    include_str!("assets/page.css"),
    include_str!("assets/runs.css"),
    include_str!("assets/print.css"),
);

/// The script. Its functions are private to one closure.
pub(super) const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("assets/dom.js"),
    include_str!("assets/state.js"),
    include_str!("assets/scale.js"),
    include_str!("assets/series.js"),
    include_str!("assets/chart.js"),
    include_str!("assets/zoom.js"),
    include_str!("assets/legend.js"),
    include_str!("assets/filter.js"),
    include_str!("assets/table.js"),
    include_str!("assets/details.js"),
    include_str!("assets/save.js"),
    include_str!("assets/settings.js"),
    include_str!("assets/left.js"),
    include_str!("assets/refresh.js"),
    include_str!("assets/main.js"),
    "})();\n",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_do_not_close_their_elements_or_load_anything() {
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("</") && !text.contains("<!--"));
            assert!(!text.contains("@import") && !text.contains("url("));
            let without_svg = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!without_svg.contains("://"));
        }
    }
}
