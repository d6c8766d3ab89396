//! The name that was probably meant.

/// The most similar of `names`, if it is similar at all. Case does not matter.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    names
        .into_iter()
        .map(|other| (strsim::damerau_levenshtein(&wanted, &other.to_lowercase()), other))
        // A third of the letters may differ, and in short names one or two.
        .filter(|(distance, other)| {
            let length = wanted.chars().count().max(other.chars().count());
            *distance < length && *distance <= (length / 3).max(2)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn similar_names_are_found_and_others_are_not() {
        assert_eq!(nearest("jbo", ["in", "job", "out"]), Some("job"));
        assert_eq!(nearest("IN", ["in"]), Some("in"));
        assert_eq!(nearest("imageresize/ResizeImgae", ["web/Api", "imageresize/ResizeImage"]), {
            Some("imageresize/ResizeImage")
        });
        assert_eq!(nearest("picture", ["in", "job"]), None);
        assert_eq!(nearest("ab", ["cd"]), None);
    }
}
