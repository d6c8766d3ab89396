use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode};

use super::*;
use crate::observation::tests::{chain, waiting, worker};
use crate::observation::{Answers, Bindings};

const URL: &str = "amqp://guest@localhost/";

/// The screen as text.
fn drawn(view: &mut View, (width, height): (u16, u16), now: Instant) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view, now)).unwrap();
    terminal.backend().to_string()
}

fn view(roles: usize, now: Instant) -> View {
    let mut view = View::new(URL, now);
    view.observation = chain(roles, now);
    view
}

fn press(view: &mut View, key: KeyCode, times: usize) {
    for _ in 0..times {
        assert!(view.handle(&Event::Key(key.into())).is_continue());
    }
}

#[test]
fn an_empty_network_says_what_to_wait_for() {
    let now = Instant::now();
    let screen = drawn(&mut View::new(URL, now), (100, 24), now);
    for text in [URL, "0 roles, 0 workers", "Nobody has announced itself yet", "q quit", "Edges: 0"]
    {
        assert!(screen.contains(text), "no {text} in\n{screen}");
    }
}

#[test]
fn thirty_roles_scroll_with_the_selection() {
    let now = Instant::now();
    let mut view = view(30, now);
    let screen = drawn(&mut view, (100, 24), now);
    assert!(screen.contains("30 roles, 30 workers"), "{screen}");
    assert!(screen.contains("role00 out -> in role01"), "{screen}");
    assert!(screen.contains("… and 22 more"), "{screen}");
    assert!(!screen.contains("test/role29"), "{screen}");

    press(&mut view, KeyCode::Down, 40);
    let screen = drawn(&mut view, (100, 24), now);
    assert!(screen.contains("┌ role29 ─"), "{screen}");
    assert!(screen.contains("from role28 out"), "{screen}");
    assert!(screen.contains("What is to be done"), "{screen}");
    press(&mut view, KeyCode::Up, 1);
    assert!(drawn(&mut view, (100, 24), now).contains("to role29 in"));
    // The selection stays with the role when others come before it.
    view.hear(worker("a", "another"), now);
    assert!(drawn(&mut view, (100, 24), now).contains("┌ role28 ─"));
}

#[test]
fn any_size_will_do() {
    let now = Instant::now();
    let mut view = view(30, now);
    for width in [1, 2, 10, 40, 79, 300] {
        for height in [1, 2, 5, 12, 100] {
            drawn(&mut view, (width, height), now);
        }
    }
    let narrow = drawn(&mut view, (40, 24), now);
    for text in ["role00", "WORKERS", "role00.IN", "to role01 in", "listening"] {
        assert!(narrow.contains(text), "no {text} in\n{narrow}");
    }
}

#[test]
fn queues_are_shown_with_how_they_grow() {
    let start = Instant::now();
    let mut view = view(1, start);
    for (number, at) in [(40, 0), (30, 2)] {
        let queues = vec![("role00.IN".into(), waiting(number, 0), Some(7))];
        let answers = Answers { bindings: Bindings::Unknown("a reason".into()), queues };
        view.take(answers, start + Duration::from_secs(at));
    }
    let screen = drawn(&mut view, (100, 24), start);
    for text in ["30 waiting (-5.0/s), 0 consumers, 7 dead", "not known: a reason", "   -5.0│"] {
        assert!(screen.contains(text), "no {text} in\n{screen}");
    }
}

#[test]
fn comings_and_goings_are_logged() {
    let start = Instant::now();
    let mut view = View::new(URL, start);
    view.hear(worker("id-1", "resize"), start);
    let later = start + Duration::from_secs(130);
    view.look_at_clock(later);
    view.set_connected(false, later);
    let screen = drawn(&mut view, (120, 24), later);
    for text in [
        "2 min  resize is there: id-1",
        "0 s  resize is late, it may have ended: id-1",
        "1 role, 0 workers  the connection is lost, trying again",
        "0 -1",
    ] {
        assert!(screen.contains(text), "no {text} in\n{screen}");
    }
}
