use msgflo::testing::Harness;
use msgflo::{Inport, Json, Outport, Participant};

/// Double a number
#[derive(Participant, Default)]
struct Double {
    /// What to double
    #[inport(process = double)]
    r#in: Inport<Json<i32>>,
    #[outport]
    out: Outport<Json<i32>>,
}

impl Double {
    async fn double(&self, Json(number): Json<i32>) -> msgflo::Result<()> {
        self.out.send(Json(2 * number)).await
    }
}

#[tokio::test]
async fn doubles() {
    let mut harness = Harness::start(Double::default()).await.unwrap();
    assert_eq!(harness.definition().component, "msgflo/Double");
    harness.send("in", Json(21)).await.unwrap();
    assert_eq!(harness.receive::<Json<i32>>("out").await.unwrap().0, 42);
}

#[test]
fn misuse_is_explained_where_it_stands() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
