//! "Did you mean …?" for names that are almost right.

/// The candidate that is closest to `name`, if it is close enough to be what was meant: at most a quarter of the
/// letters differ.
pub fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let distance_max = length / 4;
    candidates
        // Each letter too many is one to delete. So the table below is no larger than the candidates let it be, even where
        // the name is a file of megabytes that was taken for another.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= distance_max)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|&(distance, _)| distance <= distance_max)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance with neighbours that changed places counted once: letters to insert, delete, replace, swap.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    // Row i, column j: the distance between the first i letters of the one and the first j of the other.
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    let at = |rows: &[Vec<usize>], row: usize, column: usize| {
        rows.get(row).and_then(|row| row.get(column)).copied()
    };
    for (i, letter) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in right.iter().enumerate() {
            let replaced = at(&rows, i, j).map(|before| before + usize::from(letter != other));
            let deleted = at(&rows, i, j + 1).map(|before| before + 1);
            let inserted = row.last().map(|before| before + 1);
            let is_swap =
                i > 0 && j > 0 && left.get(i - 1) == Some(other) && right.get(j - 1) == Some(letter);
            let swapped = is_swap
                .then(|| at(&rows, i - 1, j - 1))
                .flatten()
                .map(|before| before + 1);
            let steps = [replaced, deleted, inserted, swapped];
            row.push(steps.into_iter().flatten().min().unwrap_or_default());
        }
        rows.push(row);
    }
    rows.last()
        .and_then(|row| row.last())
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{closest, distance};

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("acks", "acks"), 0);
        assert_eq!(distance("form", "from"), 1);
        assert_eq!(distance("abcd", "badc"), 2);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["bootstrap.servers", "group.id", "client.id"];
        assert_eq!(
            closest("bootstrap.server", names.into_iter()),
            Some("bootstrap.servers")
        );
        assert_eq!(closest("groupid", names.into_iter()), Some("group.id"));
        assert_eq!(closest("acks", names.into_iter()), None);
        assert_eq!(closest("", names.into_iter()), None);
    }

    /// A table of its letters would take gigabytes.
    #[test]
    fn a_name_of_megabytes_is_far_from_all() {
        let name = "bootstrap.servers".repeat(1 << 18);
        assert_eq!(closest(&name, ["bootstrap.servers"; 200].into_iter()), None);
    }
}
