//! Component libraries: what msgflo on npm makes of the same settings and folders.

use std::fs;

use msgflo_graph::{Error, Library};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

fn values(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn line(library: &Library, component: &str, role: &str) -> String {
    library.command(component, role, &Map::new()).unwrap().line
}

/// The fixture library-nontrivial.json of the npm package.
const NONTRIVIAL: &str = r##"{
  "msgflo": {
    "variables": {
      "PREFETCH": "--prefetch=1",
      "NOFLO": "noflo-runtime-msgflo --name #ROLE --graph #COMPONENT",
      "DEAD": "--deadletter in"
    },
    "components": {
      "api/ConvertDocument": "#NOFLO #PREFETCH --deadletter=in",
      "api/SendMessageToUser": "#NOFLO --prefetch=10",
      "api/PropagateItem": "#NOFLO #PREFETCH --deadletter propagate,unpropagate",
      "api/Router": "#NOFLO #PREFETCH #DEAD"
    }
  }
}"##;

#[test]
fn variables_are_expanded() {
    let library = Library::from_json(NONTRIVIAL).unwrap();
    assert_eq!(
        line(&library, "api/ConvertDocument", "r"),
        "noflo-runtime-msgflo --name r --graph api/ConvertDocument --prefetch=1 --deadletter=in"
    );
    let router = library.command("api/Router", "r", &Map::new()).unwrap();
    assert_eq!(router.program, "noflo-runtime-msgflo");
    assert_eq!(
        router.args,
        ["--name", "r", "--graph", "api/Router", "--prefetch=1", "--deadletter", "in"]
    );
}

#[test]
fn settings_may_stand_at_the_top_and_initial_values_are_one_argument() {
    let library = Library::from_json(
        r##"{ "components": { "project/Foo":
            "msgflo-nodejs --name #ROLE --file api/#COMPONENTNAME.js --option 1 --iips #IIPS" } }"##,
    )
    .unwrap();
    let iips = values(json!({ "portA": "it's", "portB": 2.5 }));
    let command = library.command("project/Foo", "my role", &iips).unwrap();
    assert_eq!(
        command.args,
        [
            "--name",
            "my role",
            "--file",
            "api/Foo.js",
            "--option",
            "1",
            "--iips",
            r#"{"portA":"it's","portB":2.5}"#
        ]
    );
    // A shell has to understand it too.
    let shell = std::process::Command::new("sh")
        .args(["-c", &format!("printf '%s\\n' {}", command.line)])
        .output()
        .unwrap();
    let words = String::from_utf8(shell.stdout).unwrap();
    assert_eq!(words.lines().skip(1).collect::<Vec<_>>(), command.args);
}

#[test]
fn files_with_a_handler_are_components() {
    let folder = TempDir::new().unwrap();
    for file in [
        "Foo.js",
        "Bar.coffee",
        "Baz.py",
        "thing.yml",
        "other.yaml",
        "ex.rs",
        "a.b.js",
        "notes.txt",
        "x.cpp",
        "README",
    ] {
        fs::write(folder.path().join(file), "").unwrap();
    }
    fs::create_dir(folder.path().join("folder.js")).unwrap();
    let settings = r##"{
        "name": "shop",
        "handlers": { ".cpp": "./build/#COMPONENTNAME #ROLE", ".py": null },
        "components": { "shop/Foo": "set", "Bar": "set", "else/Foo": "set", "Pay": "pay #ROLE" }
    }"##;
    let library = Library::from_json(settings).unwrap().with_folder(folder.path()).unwrap();
    let names: Vec<&str> = library.components().collect();
    assert_eq!(
        names,
        [
            "shop/Bar",
            "shop/Baz",
            "shop/Foo",
            "shop/a.b",
            "shop/ex",
            "shop/other",
            "shop/thing",
            "shop/x",
            "else/Foo",
            "Pay"
        ]
    );
    let path = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(
        line(&library, "shop/Foo", "a"),
        format!("msgflo-nodejs --name a {}", path("Foo.js"))
    );
    assert_eq!(
        line(&library, "Bar", "b"),
        format!("msgflo-nodejs --name b {}", path("Bar.coffee"))
    );
    assert_eq!(line(&library, "Baz", "c"), format!("msgflo-python {} c", path("Baz.py")));
    assert_eq!(
        line(&library, "thing", "d"),
        format!("msgflo-register --role d:{}", path("thing.yml"))
    );
    assert_eq!(line(&library, "x", "e"), "./build/x e");
    assert_eq!(line(&library, "ex", "f"), "cargo run --quiet --release --example ex -- --role f");
    let values = serde_json::json!({ "width": 640, "in": "it is" });
    let command = library.command("ex", "f", values.as_object().unwrap()).unwrap();
    assert_eq!(command.args[6..], ["--role", "f", "--iip", "width=640", "--iip", "in=\"it is\""]);
    // Without its namespace, and with another one.
    assert_eq!(line(&library, "any/Pay", "g"), "pay g");
    // A folder that does not exist is an empty one.
    let library = Library::default().with_folder(folder.path().join("none")).unwrap();
    assert_eq!(library.components().count(), 0);
}

#[test]
fn files_may_have_spaces_in_their_names() {
    let folder = TempDir::with_prefix("with space").unwrap();
    fs::write(folder.path().join("My Thing.js"), "").unwrap();
    let library = Library::default().with_folder(folder.path()).unwrap();
    let command = library.command("My Thing", "a", &Map::new()).unwrap();
    assert_eq!(command.args[2], folder.path().join("My Thing.js").display().to_string());
}

#[test]
fn binaries_and_examples_of_cargo_are_components() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "Cargo.toml",
        r##"
        [package]
        name = "imageresize"
        [workspace]
        members = ["store"]
        [features]
        big = []
        [[example]]
        name = "demo"
        required-features = ["big"]
        [package.metadata.msgflo.components]
        "imageresize/Web" = "./web --role #ROLE"
        "##,
    );
    write("src/lib.rs", "");
    write("src/bin/resize-image.rs", "fn main() {}");
    write("examples/demo.rs", "fn main() {}");
    write("store/Cargo.toml", "[package]\nname = \"store\"");
    write("store/src/main.rs", "fn main() {}");
    let library = Library::find(folder.path()).unwrap();
    let manifest = folder.path().join("Cargo.toml").display().to_string();
    let run = format!("cargo run --quiet --release --manifest-path {manifest}");
    let resize = format!("{run} --bin resize-image -- --role r");
    for name in
        ["imageresize/resize-image", "imageresize/ResizeImage", "ResizeImage", "resize_image"]
    {
        assert_eq!(line(&library, name, "r"), resize);
    }
    assert_eq!(
        line(&library, "demo", "d"),
        format!("{run} --features big --example demo -- --role d")
    );
    assert_eq!(line(&library, "imageresize/Web", "w"), "./web --role w");
    assert!(line(&library, "store/store", "s").contains("/store/Cargo.toml --bin store"));

    write("Cargo.toml", "[package");
    let error = Library::find(folder.path()).unwrap_err().to_string();
    assert!(error.contains("Cargo.toml") && error.contains("unclosed table"), "{error}");
}

#[test]
fn what_is_wrong_is_told() {
    let library = Library::from_json(
        r##"{ "variables": { "A": "#B", "B": "#A" }, "components": {
            "p/Loop": "run #A", "p/Empty": " ", "p/Quote": "run 'x", "p/Typo": "run #ROL", "p/Color": "run c=#FFF" } }"##,
    )
    .unwrap();
    let error = |name: &str| library.command(name, "r", &Map::new()).unwrap_err();
    assert!(
        matches!(error("p/Colour"), Error::UnknownComponent { nearest: Some(name), .. } if name == "p/Color")
    );
    assert_eq!(
        error("Zzzzzz/Zzzz").to_string(),
        "no component `Zzzzzz/Zzzz` for role `r`: \
        the library has p/Loop, p/Empty, p/Quote, p/Typo, p/Color"
    );
    for (name, reason) in [
        ("p/Loop", "without end"),
        ("p/Empty", "the command is empty"),
        ("p/Quote", "a quote has no end"),
        ("p/Typo", "`#ROL` is not among its variables; did you mean `#ROLE`?"),
    ] {
        let error = error(name).to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(line(&library, "p/Color", "r"), "run c=#FFF");

    let error = Library::from_json("{\n  \"components\": [\"a\"]\n}").unwrap_err().to_string();
    assert!(error.contains("settings:2:17") && error.contains("expected a map"), "{error}");
    let error = Library::read("/nowhere/package.json").unwrap_err().to_string();
    assert!(error.starts_with("cannot read /nowhere/package.json: "), "{error}");
    let error = Library::default().command("A", "a", &Map::new()).unwrap_err().to_string();
    assert!(error.contains("the library has no components"), "{error}");
}
