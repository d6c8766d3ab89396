use msgflo::Participant;

#[derive(Participant)]
struct Borrowing<'a> {
    name: &'a str,
}

fn main() {}
