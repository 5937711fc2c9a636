//! Expressions of MirrorMaker's users, and Java's syntax where it differs from ours.

use super::*;

fn verdicts(raw: &str, topics: &[&str]) -> Vec<bool> {
    let filter = TopicFilter::mirror_maker(raw).unwrap();
    topics.iter().map(|topic| filter.matches(topic)).collect()
}

fn cause(raw: &str) -> String {
    let error = TopicFilter::mirror_maker(raw).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} is an invalid regex.", error.expression)
    );
    error.cause.to_string()
}

#[test]
fn a_list_is_an_alternation_of_whole_names() {
    let topics = ["orders", "payments", "orders2", "myorders", "order"];
    assert_eq!(
        verdicts("orders,payments", &topics),
        [true, true, false, false, false]
    );
    assert_eq!(
        verdicts(" 'orders , payments' ", &topics),
        [true, true, false, false, false]
    );
    assert_eq!(
        verdicts("\"orders.*\"", &topics),
        [true, false, true, false, false]
    );
    assert_eq!(
        verdicts("order|orders", &topics),
        [true, false, false, false, true]
    );
}

#[test]
fn normalisation_goes_in_mirror_makers_order() {
    assert_eq!(normalise("\t a , b \r\n"), "a|b");
    assert_eq!(normalise("''\"a,b\"''"), "a|b");
    assert_eq!(
        normalise("' a'b ' "),
        "a'b",
        "spaces go before quotes; inner quotes stay"
    );
    assert_eq!(normalise("a\tb"), "a\tb", "only spaces are deleted");
    assert_eq!(
        normalise("\u{3000}a"),
        "\u{3000}a",
        "Java's trim knows no other white space"
    );
}

#[test]
fn internal_topics_never_match() {
    let topics = [
        "__consumer_offsets",
        "__transaction_state",
        "__share_group_state",
        "_schemas",
    ];
    assert_eq!(verdicts(".*", &topics), [false, false, false, true]);
    assert_eq!(verdicts("__consumer_offsets", &topics), [false; 4]);
    assert_eq!(
        TopicFilter::mirror_maker(".*")
            .unwrap()
            .verdict("__consumer_offsets"),
        TopicVerdict::Internal
    );
    let all = TopicFilter::mirror_maker("__.*").unwrap();
    assert!(
        all.includes("__consumer_offsets"),
        "who asks what an expression includes is told"
    );
}

#[test]
fn look_around_works() {
    let topics = ["orders", "_schemas", "connect-status", "x_orders"];
    assert_eq!(verdicts("^(?!_|connect-).*", &topics), [true, false, false, true]);
    assert_eq!(verdicts(".*(?<!status)", &topics), [true, true, false, true]);
    assert_eq!(verdicts("(?=x).*", &topics), [false, false, false, true]);
}

#[test]
fn an_alternation_is_matched_as_a_whole() {
    let topics = ["a", "ab", "xb", "b"];
    assert_eq!(verdicts("a|b", &topics), [true, false, false, true]);
    assert_eq!(
        verdicts("^a|b$", &topics),
        [true, false, false, true],
        "anchors change nothing"
    );
}

#[test]
fn java_only_syntax_is_translated() {
    let topics = ["a.b", "axb", "a-9", "A_1"];
    assert_eq!(verdicts(r"\Qa.b\E", &topics), [true, false, false, false]);
    assert_eq!(verdicts(r"\Qa.b", &topics), [true, false, false, false]);
    assert_eq!(
        verdicts(r"\p{Lower}\W\p{Alnum}", &topics),
        [true, false, true, false]
    );
    assert_eq!(
        verdicts(r"[\p{Upper}]_\P{Alpha}", &topics),
        [false, false, false, true]
    );
    assert_eq!(verdicts(r"\u0061\-\d", &topics), [false, false, true, false]);
    assert_eq!(
        verdicts(r"[a-z&&[^b]][^a-z]\p{IsAlphabetic}", &topics),
        [true, false, false, false]
    );
    assert_eq!(verdicts(r"(?i)a\_1", &topics), [false, false, false, true]);
    assert_eq!(verdicts(r"a.{1}b", &topics), [true, true, false, false]);
    assert_eq!(verdicts(r"a++.b", &topics), [true, true, false, false]);
    assert_eq!(
        verdicts(r"(?>a|ax)b|(.)-\d\p{L}*", &topics),
        [false, false, true, false]
    );
    assert_eq!(verdicts(r"[a\]{}].[b9]", &topics), [true, true, true, false]);
}

#[test]
fn an_invalid_expression_is_quoted_as_mirror_maker_does() {
    let error = TopicFilter::mirror_maker(" '*' ").unwrap_err();
    assert_eq!(error.to_string(), "* is an invalid regex.");
    for invalid in [
        "(a",
        "a)",
        "a)|(b",
        "[a",
        "a**",
        "+",
        "\\",
        "a{",
        "\\p{Lower",
        "\\u12",
    ] {
        assert!(TopicFilter::mirror_maker(invalid).is_err(), "{invalid}");
    }
}

#[test]
fn a_comma_inside_braces_is_explained() {
    assert!(cause("a{1,3}").contains("a comma means \"or\""));
    assert!(cause("a{x}").contains("character 1"));
    let filter = TopicFilter::from_lists(&["a{1,3}"], &[]).unwrap();
    assert!(filter.matches("aaa") && !filter.matches("aaaa"));
}

#[test]
fn syntax_with_another_meaning_here_is_refused() {
    assert!(cause(r"topic\h").starts_with(r"\h at character 5 is not supported"));
    for unsupported in [
        r"\R",
        r"\X",
        r"\G",
        r"\K",
        r"\O",
        r"\cA",
        r"\07",
        r"\N{X}",
        r"\p{javaLowerCase}",
        r"\p{InGreek}",
    ] {
        assert!(cause(unsupported).contains("is not supported"), "{unsupported}");
    }
}

#[test]
fn lists_of_a_file_include_and_exclude() {
    let filter = TopicFilter::from_lists(&["orders.*", "users"], &[r".*\.internal"]).unwrap();
    assert_eq!(filter.verdict("orders.eu"), TopicVerdict::Mirrored);
    assert_eq!(filter.verdict("orders.internal"), TopicVerdict::Excluded);
    assert_eq!(filter.verdict("users2"), TopicVerdict::NotIncluded);
    assert!(!TopicFilter::from_lists::<&str>(&[], &[]).unwrap().matches("any"));
}

#[test]
fn an_expression_that_never_ends_is_undecided() {
    let filter = TopicFilter::from_lists(&["(?=x)(x+x+)+y"], &[]).unwrap();
    let name = "x".repeat(200);
    assert_eq!(filter.verdict(&name), TopicVerdict::Undecided);
    assert!(!filter.matches(&name));
}

#[test]
fn built_in_exclusions_are_switched_on_and_named() {
    let filter = TopicFilter::from_lists(&[".*"], &["app-x-changelog"]).unwrap();
    assert_eq!(filter.verdict("_schemas"), TopicVerdict::Mirrored);
    let filter = filter.with_builtin_exclusions();
    assert_eq!(filter.verdict("_schemas"), TopicVerdict::BuiltIn("_schemas"));
    assert_eq!(filter.verdict("__canary"), TopicVerdict::BuiltIn("__.*"));
    assert_eq!(filter.verdict("__consumer_offsets"), TopicVerdict::Internal);
    assert_eq!(filter.verdict("app-x-changelog"), TopicVerdict::Excluded);
    assert_eq!(filter.verdict("orders"), TopicVerdict::Mirrored);
    let narrow = TopicFilter::from_lists(&["orders"], &[])
        .unwrap()
        .with_builtin_exclusions();
    assert_eq!(narrow.verdict("_schemas"), TopicVerdict::NotIncluded);
}

#[test]
fn reserved_names_never_match() {
    let filter = TopicFilter::from_lists(&["p.*"], &[]).unwrap();
    assert!(filter.matches("positions"));
    let filter = filter.reserving(["positions".to_owned()]);
    assert_eq!(filter.verdict("positions"), TopicVerdict::Reserved);
    assert!(filter.matches("positions2"));
}
