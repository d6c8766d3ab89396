//! The participant without a broker.

use msgflo::Json;
use msgflo::testing::Harness;

use {{crate}}::*;

#[tokio::test]
async fn words_are_counted() -> msgflo::Result<()> {
    let mut harness = Harness::start({{type}}::default()).await?;
    harness.send("in", Json(Text { text: "to be or not".into() })).await?;
    assert_eq!(harness.receive::<Json<Count>>("out").await?.0, Count { words: 4 });
    harness.shutdown().await
}

#[tokio::test]
async fn what_is_no_text_is_rejected() -> msgflo::Result<()> {
    let mut harness = Harness::start({{type}}::default()).await?;
    harness.send("in", Json(42)).await?;
    assert_eq!(harness.rejected::<Json<i32>>("in").await?.0, 42);
    harness.shutdown().await
}
