//! Control words that stand for characters, and those that begin a destination.

use super::flow::Aside;

/// Where the text of a group goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Skipped,
    /// The mark of a list item.
    Mark,
    Fonts,
    Styles,
    Info,
    Title,
    Shape,
    Twice,
    Aside(Aside),
}

/// The character that a word stands for.
pub(super) fn sign(word: &str) -> Option<&'static str> {
    Some(match word {
        "emdash" => "\u{2014}",
        "endash" => "\u{2013}",
        "emspace" | "enspace" | "qmspace" => " ",
        "bullet" => "\u{2022}",
        "lquote" => "\u{2018}",
        "rquote" => "\u{2019}",
        "ldblquote" => "\u{201c}",
        "rdblquote" => "\u{201d}",
        _ => return None,
    })
}

/// Destinations that are left out, starred or not.
const SKIPPED: &[&str] = &[
    // Tables of the document.
    "colortbl",
    "filetbl",
    "listtable",
    "listoverridetable",
    "revtbl",
    "rsidtbl",
    "pgptbl",
    "xmlnstbl",
    "latentstyles",
    "themedata",
    "colorschememapping",
    "datastore",
    "generator",
    "template",
    "private",
    // Pictures and objects; what they show in words is kept.
    "pict",
    "nonshppict",
    "objdata",
    "objclass",
    "objname",
    "objalias",
    "objsect",
    "shprslt",
    "sp",
    "sn",
    "sv",
    "picprop",
    "mmathPict",
    // What fields are made of, entries of indexes, bookmarks, remarks, lines above notes.
    "fldinst",
    "fldtype",
    "formfield",
    "datafield",
    "xe",
    "tc",
    "tcn",
    "rxe",
    "bkmkstart",
    "bkmkend",
    "atnid",
    "atnauthor",
    "atntime",
    "atndate",
    "atnref",
    "atrfstart",
    "atrfend",
    "annotation",
    "ftnsep",
    "ftnsepc",
    "ftncn",
    "aftnsep",
    "aftnsepc",
    "aftncn",
    "pn",
    // The same again for other programs, and parts of the tables of fonts and styles.
    "nonesttables",
    "nesttableprops",
    "htmltag",
    "mhtmltag",
    "falt",
    "fname",
    "panose",
    "fontemb",
    "keycode",
];

/// The destination that a word begins.
pub(super) fn target(word: &str) -> Option<Target> {
    Some(match word {
        "fonttbl" => Target::Fonts,
        "stylesheet" => Target::Styles,
        "info" => Target::Info,
        "title" => Target::Title,
        "listtext" | "pntext" => Target::Mark,
        "upr" => Target::Twice,
        "shp" | "shpinst" | "shpgrp" | "do" => Target::Shape,
        "footnote" | "shptxt" | "dptxbxtext" => Target::Aside(Aside::Note),
        "header" | "headerl" | "headerr" | "headerf" | "footer" | "footerl" | "footerr" | "footerf" => {
            Target::Aside(Aside::Margin)
        }
        _ if SKIPPED.contains(&word) => Target::Skipped,
        _ => return None,
    })
}
