//! Pages that say where a package is.

/// `<meta name="terraform-get" content="ADDRESS">`, in any case and with either kind of quote.
pub(super) fn meta(page: &str) -> Option<String> {
    let is_meta = |tag: &&str| tag.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("meta ") || name == "meta\n");
    page.split('<').skip(1).filter(is_meta).find_map(|tag| {
        let (mut rest, mut name, mut content) = (&tag[5..], None, None);
        while let Some((key, more)) = rest.split_once('=') {
            let quote = more.trim_start().chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            let (value, after) = more.trim_start()[1..].split_once(quote)?;
            match key.trim().to_ascii_lowercase().as_str() {
                "name" => name = Some(value),
                "content" => content = Some(value.replace("&amp;", "&")),
                _ => {}
            }
            rest = after;
        }
        content.filter(|_| name == Some("terraform-get"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_the_package_is() {
        let page =
            "<html><head><meta charset=\"u\"><meta name=\"terraform-get\" content=\"git::https://h/x.git\" /></head>";
        assert_eq!(meta(page).as_deref(), Some("git::https://h/x.git"));
        assert_eq!(meta("<META content='y?a=1&amp;b=2'\n Name = 'terraform-get'>").as_deref(), Some("y?a=1&b=2"));
        for none in ["<meta name=\"x\" content=\"y\">", "<meta é", "<meta name=", "<meta name='terraform-get'>"] {
            assert_eq!(meta(none), None);
        }
    }
}
