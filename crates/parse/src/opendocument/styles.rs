//! What the names of styles tell: which text is hidden, which paragraphs are headings.

use std::collections::{HashMap, HashSet};

use super::elements::{Element, Ns};

#[derive(Debug, Default)]
pub(super) struct Styles {
    /// Styles of hidden text.
    hidden: HashSet<String>,
    /// Styles of headings that have no such name themselves, with their level.
    levels: HashMap<String, u8>,
    /// The style that is open.
    open: Option<String>,
}

impl Styles {
    pub(super) fn open(&mut self, style: &Element<'_>) {
        let name = style.attribute("name").unwrap_or_default().into_owned();
        let of_paragraphs = style.attribute("family").is_some_and(|family| family == "paragraph");
        if of_paragraphs
            && level_of_name(&name).is_none()
            && let Some(parent) = style.attribute("parent-style-name")
            && let Some(level) = self.level(&parent)
        {
            self.levels.insert(name.clone(), level);
        }
        self.open = Some(name);
    }

    pub(super) fn properties(&mut self, properties: &Element<'_>) {
        let is_hidden = properties.attribute("display").is_some_and(|display| display == "none");
        if let (true, Some(name)) = (is_hidden, &self.open) {
            self.hidden.insert(name.clone());
        }
    }

    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Whether an element of the text is hidden.
    pub(super) fn hide(&self, element: &Element<'_>) -> bool {
        if element.ns != Ns::Text {
            return false;
        }
        match element.local() {
            "p" | "h" | "span" => {
                !self.hidden.is_empty()
                    && element.attribute("style-name").is_some_and(|name| self.hidden.contains(&*name))
            }
            "section" => element.attribute("display").is_some_and(|display| display == "none"),
            _ => false,
        }
    }

    /// The level of the headings that are in this style.
    pub(super) fn level(&self, name: &str) -> Option<u8> {
        level_of_name(name).or_else(|| self.levels.get(name).copied())
    }
}

/// `Heading_20_2` is 2, `Title` is 1.
fn level_of_name(name: &str) -> Option<u8> {
    if name == "Title" {
        return Some(1);
    }
    let level = name.strip_prefix("Heading")?.trim_start_matches("_20_").trim();
    level.parse().ok().filter(|level| (1..=10).contains(level))
}
