use super::*;

fn parse(text: &str) -> Result<Configuration, Problems> {
    Configuration::parse("f.yaml", text, &Environment::default())
}

#[track_caller]
fn good(text: &str) -> Configuration {
    parse(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The only role of a configuration.
#[track_caller]
fn role(text: &str) -> Role {
    let configuration = good(text);
    assert_eq!(configuration.roles.len(), 1, "{configuration:?}");
    configuration.roles.into_iter().next().unwrap()
}

/// Where, and what, for each problem that is as bad as this.
fn found(text: &str, severity: Severity) -> Vec<String> {
    let problems = match parse(text) {
        Ok(configuration) => configuration.problems,
        Err(Problems(problems)) => problems,
    };
    let as_bad = problems.into_iter().filter(|problem| problem.severity == severity);
    as_bad.map(|it| format!("{}:{} {}", it.line, it.column, it.message)).collect()
}

#[track_caller]
fn finds(text: &str, severity: Severity, expected: &[&str]) {
    let found = found(text, severity);
    let same = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(same, "{text}\n{found:#?}");
}

#[test]
fn what_is_not_given_has_guvs_defaults() {
    for text in ["share: {}", "share:", "share: ~", "{\"share\": {}}", "'*':\nshare: {}"] {
        assert_eq!(role(text), Role::new("share"), "{text}");
    }
    assert_eq!(found("share: {}", Severity::Mistake), Vec::<String>::new());
}

#[test]
fn all_settings_act_under_their_long_and_short_names() {
    let long = role(
        "a: {queue: q, worker: w, command: ./w --fast, app: shop, broker: 'amqp://h', apikey: k, \
         dynosize: perf-m, statuspage: s, metric: m, model: proportional, deadline: 100, \
         processing: 20, stddev: 3, boot: 4, target: 50, pollinterval: 6, history: 70, \
         percentile: 95.5, minimum: 2, maximum: 8, concurrency: 9}",
    );
    let mut expected = Role::new("a");
    expected.queue = "q".into();
    expected.worker = "w".into();
    expected.command = Some("./w --fast".into());
    expected.app = Some("shop".into());
    expected.broker = Some("amqp://h".into());
    expected.apikey = Some("k".into());
    expected.dynosize = Some("perf-m".into());
    expected.statuspage = Some("s".into());
    expected.metric = Some("m".into());
    expected.model = Model::Proportional;
    (expected.deadline, expected.processing, expected.stddev) = (100.0, 20.0, 3.0);
    (expected.boot, expected.target, expected.pollinterval) = (4.0, Some(50.0), 6.0);
    (expected.history, expected.percentile) = (70.0, 95.5);
    (expected.minimum, expected.maximum, expected.concurrency) = (2, 8, 9);
    assert_eq!(long, expected);

    let short = role("a: {q: x, w: y, d: 70, p: 5, min: 0, max: 3.0}");
    let same =
        role("a: {queue: x, worker: y, deadline: 70, processing: 5, minimum: 0, maximum: 3}");
    assert_eq!(short, same);
}

#[test]
fn roles_inherit_and_derive_afterwards() {
    let configuration = good(
        "b: {stddev: 0}\n\
         '*': {p: 20, d: 200, q: all, min: 3}\n\
         a: {processing: 40, minimum: 0}\n\
         c: {p: ~, stddev: 2}\n",
    );
    let names: Vec<_> = configuration.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["b", "a", "c"]);
    let times = |role: &Role| (role.processing, role.stddev, role.minimum);
    assert_eq!(times(&configuration.roles[0]), (20.0, 10.0, 3));
    assert_eq!(times(&configuration.roles[1]), (40.0, 20.0, 0));
    // Nothing is the way back to the default.
    assert_eq!(times(&configuration.roles[2]), (10.0, 2.0, 3));
    assert!(configuration.roles.iter().all(|role| role.queue == "all" && role.deadline == 200.0));
    // Given for all, it is not derived.
    assert_eq!(role("'*': {stddev: 1, target: 40}\na: {p: 30}").stddev, 1.0);
    assert_eq!(role("'*': {target: 40}\na: {target: 0}").target, None);
}

/// Setting by setting, with its shorthand, and with the example.
#[test]
fn the_documentation_is_complete() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/autoscaling/configuration.md");
    let text = std::fs::read_to_string(file).unwrap();
    for setting in setting::SETTINGS {
        let short = setting.shorthand.map_or(String::new(), |short| format!("`{short}` "));
        let row = format!("\n| `{}` | {short}|", setting.name);
        assert!(text.contains(&row), "{row}");
    }
    let example = text.split("\n\n").find(|paragraph| paragraph.starts_with("    # all times"));
    let configuration = good(&example.unwrap().replace("\n    ", "\n"));
    assert_eq!(configuration.roles.len(), 3);
    assert_eq!(
        configuration.problems.iter().filter(|it| it.severity > Severity::Warning).count(),
        0
    );
}

#[test]
fn aliases_and_merged_mappings_are_followed() {
    let configuration = good("a: &a {p: 3, min: 0}\nb: *a\nc: {<<: *a, min: 2}");
    let settings: Vec<_> =
        configuration.roles.iter().map(|role| (role.processing, role.minimum)).collect();
    assert_eq!(settings, [(3.0, 0), (3.0, 0), (3.0, 2)]);
}

#[test]
fn the_environment_fills_in() {
    let environment = |variables: &[(&str, &str)]| {
        Environment::from_variables(|name| {
            let variable = variables.iter().find(|variable| variable.0 == name);
            variable.map(|variable| variable.1.to_owned())
        })
    };
    let all = environment(&[
        ("MSGFLO_BROKER", "mqtt://m"),
        ("CLOUDAMQP_URL", "amqp://c"),
        ("GUV_BROKER", "amqp://g"),
        ("GUV_APP", "app"),
        ("HEROKU_API_KEY", "key"),
        ("STATUSPAGE_ID", "page"),
    ]);
    let text = "'*': {app: all}\na: {broker: 'amqp://own'}\nb: {app: ~}";
    let roles = Configuration::parse("f", text, &all).unwrap().roles;
    assert_eq!(roles[0].broker.as_deref(), Some("amqp://own"));
    assert_eq!(roles[0].app.as_deref(), Some("all"));
    assert_eq!(roles[1].broker.as_deref(), Some("amqp://g"));
    assert_eq!(roles[1].app.as_deref(), Some("app"));
    assert_eq!(roles[1].apikey.as_deref(), Some("key"));
    assert_eq!(roles[1].statuspage.as_deref(), Some("page"));
    let some = environment(&[("GUV_BROKER", ""), ("MSGFLO_BROKER", "m"), ("CLOUDAMQP_URL", "c")]);
    assert_eq!(some.broker.as_deref(), Some("m"));
    assert_eq!(environment(&[("CLOUDAMQP_URL", "c")]).broker.as_deref(), Some("c"));
}

#[test]
fn all_errors_are_reported_at_once_with_their_places() {
    let text = "\
'*': {min: -1, percentile: 100}
a: {p: 5, processing: 6, d: .nan, concurrency: 1.5, history: .inf}
b:
  pollinterval: 0
  concurrency: 0
  queue: 5
  broker: [x]
  deadline: \"60\"
  boot: 1e300
  model: fastest
  maximum: true
'': {}
c: 7
a: {}
d: {max: 1, max: 2}
";
    let expected = [
        "1:12 `min` is negative",
        "1:28 `percentile` is 100",
        "2:11 `processing` is `p`, which line 2 gives",
        "2:29 `d` is not a finite number",
        "2:48 `concurrency` is 1.5",
        "2:62 `history` is not a finite number",
        "4:17 `pollinterval` is 0",
        "5:16 `concurrency` is 0",
        "6:10 `queue` is not a text but a number",
        "7:11 `broker` is not a text but a list",
        "8:13 `deadline` is not a number but a text",
        "9:9 `boot` is 1e300 s, which is absurd",
        "10:10 there is no model `fastest`",
        "11:12 `maximum` is not a number but true or false",
        "12:1 a role's name is empty",
        "13:1 role `c` is not a mapping of settings, but a number",
        "14:1 `a` is there twice, first in line 2",
        "15:13 `max` is given twice, first in line 15",
    ];
    finds(text, Severity::Error, &expected);
}

#[test]
fn what_is_no_configuration_is_refused() {
    finds("", Severity::Error, &["1:1 there are no roles"]);
    finds("# only a comment\n", Severity::Error, &["1:1 there are no roles"]);
    finds("'*': {min: 2}", Severity::Error, &["1:1 there are no roles"]);
    finds("- a\n- b\n", Severity::Error, &["1:1 not a configuration but a list"]);
    finds("a: {d: 5\n", Severity::Error, &["1:4 not YAML: "]);
    finds("a: {}\n\tb: {}\n", Severity::Error, &["2:"]);
    finds("a: {}\n---\nb: {}\n", Severity::Error, &["3:1 not YAML: "]);
    finds(&"[".repeat(10_000), Severity::Error, &["1:"]);
}

#[test]
fn roles_must_not_contradict_themselves_or_each_other() {
    let above = "2:5 role `a`: minimum 7 is above maximum 5";
    finds("b: {}\na: {min: 7}", Severity::Error, &[above]);
    let above = "1:7 role `a`: minimum 7 is above maximum 6";
    finds("'*': {max: 6, min: 7}\na: {}", Severity::Error, &[&above.replace("1:7", "1:15")]);
    let both = "2:5 `b` and `a` both scale the worker `a`";
    finds("a: {}\nb: {worker: a}", Severity::Error, &[both]);
    finds("a: {app: x}\nb: {worker: a, app: y}", Severity::Error, &[]);
    finds("'*': {w: x}\na: {}\nb: {}", Severity::Error, &["1:7 `b` and `a` both scale"]);
}

#[test]
fn what_guv_ignores_is_a_mistake() {
    let unknown = |key: &str| format!("1:5 unknown setting `{key}`");
    for key in ["procesing", "queue:notdefault", "p:60"] {
        finds(&format!("a: {{{key}: }}"), Severity::Mistake, &[&unknown(key)]);
    }
    let shown = good("a: {procesing: 3}").problems[1].to_string();
    assert!(shown.starts_with("warning: unknown") && shown.contains("`processing`?"), "{shown}");
    let shown = good("a: { queue:notdefault }").problems[1].clone().strict().to_string();
    assert!(shown.starts_with("error: ") && shown.contains("`queue: notdefault`"), "{shown}");
    // It has no effect.
    assert_eq!(role("a: {p:60, deadline: 240}").processing, 10.0);

    let allowed = ["extrakey".to_owned()];
    let text = "a: { deadline: 330.33, extrakey: 25 }";
    let parsed = Configuration::parse_allowing("f", text, &Environment::default(), &allowed);
    assert_eq!(parsed.unwrap().problems, []);
    finds(text, Severity::Mistake, &["1:24 unknown setting `extrakey`"]);
    let empty = role("a: {queue: '', app: ''}");
    assert_eq!((empty.queue.as_str(), empty.app), ("a", None));
    finds("a: {queue: ''}", Severity::Mistake, &["1:12 `queue` is empty"]);
}

#[test]
fn a_deadline_that_cannot_be_met_is_a_mistake() {
    let lower = |text: &str, expected: &str| finds(text, Severity::Mistake, &[expected]);
    lower(
        "failing: { processing: 25, stddev: 12, deadline: 50}",
        "1:40 role `failing`: target 22.08 s is lower than processing time 25 s (deadline 50 s)",
    );
    lower("a: {p: 20, d: 5}", "1:12 role `a`: target -18.26 s is lower than processing time 20 s");
    lower("a: {target: 3}", "1:5 role `a`: target 3 s is lower than processing time 10 s");
    // What is advised, is enough.
    let shown = good("a: {p: 25, stddev: 12, d: 50}").problems[0].to_string();
    let advised = shown.split("`deadline: ").nth(1).and_then(|rest| rest.split('`').next());
    let text = format!("a: {{p: 25, stddev: 12, d: {}}}", advised.unwrap());
    finds(&text, Severity::Mistake, &[]);
}

#[test]
fn unwise_settings_are_warned_of() {
    let warns = |text: &str, expected: &[&str]| finds(text, Severity::Warning, expected);
    warns("a: {d: 70}", &[]);
    warns("a: {d: 69}", &["1:5 role `a`: of more than 6 jobs at once, some are late"]);
    warns("a: {d: 69, min: 0}", &["1:5 role `a`: a job that finds no worker is late"]);
    warns("a: {d: 69, min: 5}", &["1:12 role `a`: nothing is scaled"]);
    warns("a: {d: 70, min: 0, max: 0}", &["1:20 role `a`: no worker ever runs"]);
    warns("a: {d: 70, percentile: 0.99}", &["1:12 role `a`: of 100 jobs, only 0.99"]);
    warns(
        "a: {d: 70, history: 29.5}",
        &[
            "1:12 role `a`: history 29.5 s is shorter than pollinterval 30 s",
            "1:12 role `a`: history 29.5 s is shorter than boot 30 s",
        ],
    );
    warns("a: {d: 70, broker: localhost}", &["1:12 role `a`: the broker is no URL"]);
    warns("a: {d: 70, stddev: 0}", &["1:20 `stddev: 0` counts as not given"]);
    warns("a: {d: 70, q: x}\nb: {d: 70, q: x}", &["2:12 role `b`: role `a` has the queue `x`"]);
}

#[test]
fn secrets_are_never_shown() {
    let secret = "hunter2-ä";
    let texts = [
        "'*': {apikey: SECRET, procesing: 4}\na: {d: -1}",
        "'*': {procesing: 4, apikey: 'SECRET'}\na: {}",
        "'*': {procesing: 4, apikey:SECRET}\na: {}",
        "'*': {procesing: 4, api_key: SECRET}\na: {}",
        "'*': {apikey: [SECRET]}\na: {}",
        "'*': {apikey: {a: SECRET}}\na: {}",
        "a: apikey:SECRET",
        "apikey: SECRET",
        "- apikey: SECRET",
        "'*': {apikey: SECRET\na: {}",
        "a: {broker: 'amqp://me:SECRET@host/x', d: -1}",
        "a: {broker: amqp://me:SECRET@host/x, d: -1",
        "a: {broker:amqp://me:SECRET@host/x}",
        "a: {broker: me:SECRET@host, d: -1}",
        "a: {broker: 'amqp://me:p SECRET@host/x', d: -1}",
    ];
    for text in texts {
        let text = text.replace("SECRET", secret);
        let shown = match parse(&text) {
            Ok(configuration) => {
                let problems = configuration.problems.iter().map(ToString::to_string);
                problems.collect::<String>() + &format!("{configuration:?}")
            }
            Err(problems) => format!("{problems} {problems:?}"),
        };
        assert!(!shown.contains("hunter2") && !shown.is_empty(), "{text}\n{shown}");
    }
    let url = format!("amqp://me:{secret}@host");
    let environment = Environment {
        broker: Some(url.clone()),
        apikey: Some(secret.into()),
        ..Environment::default()
    };
    assert!(!format!("{environment:?}").contains("hunter2"));
    let role = Configuration::parse("f", "a: {}", &environment).unwrap().roles.remove(0);
    assert!(!format!("{role:?}").contains("hunter2"));
    assert_eq!((role.apikey.as_deref(), role.broker), (Some(secret), Some(url)));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let text = "\"a\\e[2J\": {}\nb: {\"\\e[2J\\n\": 3, model: \"\\e[2J\"}";
    finds(
        text,
        Severity::Error,
        &["1:1 the name `a\u{FFFD}[2J`", "2:26 there is no model `\u{FFFD}"],
    );
    let shown = parse(text).unwrap_err().to_string();
    assert!(shown.contains("unknown setting `\u{FFFD}[2J\u{FFFD}`"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn a_problem_is_shown_with_its_line() {
    let problems = parse("a:\r\n  größe: 3\r\n  d: -1\r\n").unwrap_err();
    assert_eq!(
        problems.to_string(),
        "warning: unknown setting `größe`
 --> f.yaml:2:3
  |
2 |   größe: 3
  |   ^^^^^

error: `d` is negative: -1 s
 --> f.yaml:3:6
  |
3 |   d: -1
  |      ^^"
    );
}

/// Nor does it take long, or fill the screen.
#[test]
fn a_large_file_is_read_as_well() {
    let text: String = (0..5_000).map(|n| format!("r{n}: {{d: 70, size: {n}}}\n")).collect();
    let configuration = good(&text);
    assert_eq!((configuration.roles.len(), configuration.problems.len()), (5_000, 100));
    let Err(Problems(problems)) = parse(&text.replace("d: 70", "d: x")) else { panic!() };
    assert_eq!(problems.len(), 200);
}

/// Whatever is in a file, it is read or refused.
#[test]
fn broken_texts_are_refused_without_panic() {
    let text =
        "'*': {boot: 20, app: \"ä\"}\na: &x {d: 6.0, p: 1, queue: 'i.IN'}\nb: *x\nc:\n  min: 1\n";
    let marks =
        ["", ":", "{", "]", "\"", "\n", "\t", "*", "&x", "\u{0}", "ä", "- ", "<<: *x", "1e999"];
    for (at, _) in text.char_indices() {
        for mark in marks {
            let broken = format!("{}{mark}{}", &text[..at], &text[at..]);
            let _ = parse(&broken);
            let _ = parse(&broken[..at + mark.len()]);
        }
    }
}
