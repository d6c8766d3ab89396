#[tokio::main]
async fn main() -> msgflo::Result<()> {
    msgflo::run({{crate}}::{{type}}::default()).await
}
