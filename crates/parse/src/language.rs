//! The main language of a text.

use whatlang::Lang;

/// Code points looked at.
const SAMPLE: usize = 4000;

/// ISO 639-3 code of the language of `text`, where it is clear. The script decides where it can: text that is
/// mostly Han is Chinese unless it has kana or hangul.
pub(crate) fn detect(text: &str) -> Option<&'static str> {
    let sample: String = text.chars().filter(|c| !c.is_ascii_digit()).take(SAMPLE).collect();
    let (mut han, mut kana, mut hangul, mut letters) = (0usize, 0usize, 0usize, 0usize);
    for c in sample.chars().filter(|c| c.is_alphabetic()) {
        letters += 1;
        match c as u32 {
            0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0x20000..=0x3FFFF => han += 1,
            0x3040..=0x30FF => kana += 1,
            0xAC00..=0xD7AF | 0x1100..=0x11FF => hangul += 1,
            _ => {}
        }
    }
    let wide = han + kana + hangul;
    // A Han character says about as much as three Latin letters.
    if wide > 0 && wide * 3 > letters - wide {
        return Some(if hangul * 4 > wide {
            "kor"
        } else if kana * 10 > wide {
            "jpn"
        } else {
            "cmn"
        });
    }
    let info = whatlang::detect(&sample)?;
    // Its confidence is low on short texts even where it is right, so ask for more than a guess.
    (info.is_reliable() && info.lang() != Lang::Cmn).then(|| info.lang().code())
}

/// ISO 639-3 code of the language that a tag like `en-GB` or `zh-Hant` names, where it is one that [`detect`] knows.
pub(crate) fn of_tag(tag: &str) -> Option<&'static str> {
    const SHORT: [(&str, Lang); 44] = [
        ("ar", Lang::Ara),
        ("be", Lang::Bel),
        ("bg", Lang::Bul),
        ("bn", Lang::Ben),
        ("ca", Lang::Cat),
        ("cs", Lang::Ces),
        ("cy", Lang::Cym),
        ("da", Lang::Dan),
        ("de", Lang::Deu),
        ("el", Lang::Ell),
        ("en", Lang::Eng),
        ("es", Lang::Spa),
        ("et", Lang::Est),
        ("fa", Lang::Pes),
        ("fi", Lang::Fin),
        ("fr", Lang::Fra),
        ("gu", Lang::Guj),
        ("he", Lang::Heb),
        ("hi", Lang::Hin),
        ("hr", Lang::Hrv),
        ("hu", Lang::Hun),
        ("id", Lang::Ind),
        ("it", Lang::Ita),
        ("ja", Lang::Jpn),
        ("ko", Lang::Kor),
        ("lt", Lang::Lit),
        ("lv", Lang::Lav),
        ("nb", Lang::Nob),
        ("nl", Lang::Nld),
        ("no", Lang::Nob),
        ("pl", Lang::Pol),
        ("pt", Lang::Por),
        ("ro", Lang::Ron),
        ("ru", Lang::Rus),
        ("sk", Lang::Slk),
        ("sl", Lang::Slv),
        ("sr", Lang::Srp),
        ("sv", Lang::Swe),
        ("th", Lang::Tha),
        ("tr", Lang::Tur),
        ("uk", Lang::Ukr),
        ("ur", Lang::Urd),
        ("vi", Lang::Vie),
        ("zh", Lang::Cmn),
    ];
    let name = tag.split(['-', '_']).next().unwrap_or_default().trim().to_ascii_lowercase();
    let short = SHORT.iter().find(|(short, _)| *short == name).map(|(_, lang)| *lang);
    short.or_else(|| Lang::from_code(name.as_str())).map(|lang| lang.code())
}

#[cfg(test)]
mod tests {
    use super::{detect, of_tag};

    #[test]
    fn languages() {
        assert_eq!(detect("年假有三十天，须提前两周申请。"), Some("cmn"));
        assert_eq!(detect("年次有給休暇は三十日です。二週間前に申請してください。"), Some("jpn"));
        assert_eq!(detect("연차 휴가는 30일이며 2주 전에 신청해야 합니다."), Some("kor"));
        assert_eq!(
            detect(
                "Every employee is entitled to thirty days of leave a year, and asks for it two weeks ahead."
            ),
            Some("eng")
        );
        assert_eq!(detect("12 34 ++ --"), None);
    }

    #[test]
    fn tags_name_languages() {
        assert_eq!(
            (of_tag("en-GB"), of_tag("zh_TW"), of_tag("DEU")),
            (Some("eng"), Some("cmn"), Some("deu"))
        );
        assert_eq!((of_tag("und"), of_tag(""), of_tag("x-klingon")), (None, None, None));
    }
}
