//! Participants with type parameters, as dependencies are injected by.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Mutex;

use msgflo::testing::Harness;
use msgflo::{Inport, Json, Outport, Participant};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Not `Send`, `Sync` or `'static` by itself: the derive asks for that.
trait Prices {
    fn price(&self, article: &str) -> Option<u32>;
}

/// What a test has in place of a database.
struct Fixed(u32);

impl Prices for Fixed {
    fn price(&self, article: &str) -> Option<u32> {
        (article == "tea").then_some(self.0)
    }
}

/// Tell prices
#[derive(Participant)]
struct Shop<P, const FACTOR: u32>
where
    P: Prices,
{
    #[inport(process = tell)]
    article: Inport<String>,
    #[outport]
    price: Outport<Json<u32>>,
    prices: P,
}

impl<P: Prices, const FACTOR: u32> Shop<P, FACTOR> {
    async fn tell(&self, article: String) -> anyhow::Result<()> {
        // Held across an `.await`.
        let prices = &self.prices;
        let price = prices.price(&article).ok_or_else(|| anyhow::anyhow!("no {article}"))?;
        self.price.send(Json(price * FACTOR)).await?;
        anyhow::ensure!(prices.price(&article).is_some(), "sold out");
        Ok(())
    }
}

#[tokio::test]
async fn a_mock_is_put_in_for_a_type_parameter() -> msgflo::Result<()> {
    let shop =
        Shop::<_, 2> { article: Inport::default(), price: Outport::default(), prices: Fixed(300) };
    let mut harness = Harness::start(shop).await?;
    assert_eq!(harness.definition().component, "msgflo/Shop");
    harness.send("article", "tea".to_owned()).await?;
    assert_eq!(harness.receive::<Json<u32>>("price").await?, Json(600));
    harness.send("article", "ice".to_owned()).await?;
    assert_eq!(harness.rejected::<String>("article").await?, "ice");
    harness.shutdown().await
}

/// Count by a connection that is `Send`, but not `Sync`, as some drivers' are
#[derive(Participant)]
struct Counter<C: AsRef<Cell<u32>> = Connection> {
    #[inport(process = count, blocking)]
    r#in: Inport<Json<u32>>,
    #[outport]
    total: Outport<Json<u32>>,
    connection: Mutex<C>,
}

impl<C: AsRef<Cell<u32>>> Counter<C> {
    fn count(&self, Json(number): Json<u32>) -> msgflo::Result<()> {
        let total = {
            let connection = self.connection.lock().unwrap();
            let cell = (*connection).as_ref();
            cell.set(cell.get() + number);
            cell.get()
        };
        self.total.send_blocking(Json(total))
    }
}

struct Connection(Cell<u32>);

impl AsRef<Cell<u32>> for Connection {
    fn as_ref(&self) -> &Cell<u32> {
        &self.0
    }
}

#[tokio::test]
async fn a_type_parameter_behind_a_mutex_needs_not_be_sync() -> msgflo::Result<()> {
    let connection = Mutex::new(Connection(Cell::new(40)));
    let counter: Counter =
        Counter { r#in: Inport::default(), total: Outport::default(), connection };
    let mut harness = Harness::start(counter).await?;
    harness.send("in", Json(2)).await?;
    assert_eq!(harness.receive::<Json<u32>>("total").await?, Json(42));
    harness.shutdown().await
}

/// Pass values of any type on
#[derive(Participant)]
struct Pass<T: Serialize + DeserializeOwned, M> {
    #[inport(process = pass)]
    r#in: Inport<Json<T>>,
    #[outport]
    out: Outport<Json<T>>,
    marker: PhantomData<fn(M)>,
}

impl<T: Serialize + DeserializeOwned + Send + 'static, M> Pass<T, M> {
    async fn pass(&self, value: Json<T>) -> msgflo::Result<()> {
        self.out.send(value).await
    }
}

#[tokio::test]
async fn a_payload_may_be_a_type_parameter() -> msgflo::Result<()> {
    let pass = Pass::<Vec<u32>, u8> {
        r#in: Inport::default(),
        out: Outport::default(),
        marker: PhantomData,
    };
    let mut harness = Harness::start(pass).await?;
    assert_eq!(harness.definition().inports[0].port_type, "array");
    harness.send("in", Json(vec![1, 2])).await?;
    assert_eq!(harness.receive::<Json<Vec<u32>>>("out").await?, Json(vec![1, 2]));
    harness.shutdown().await
}
