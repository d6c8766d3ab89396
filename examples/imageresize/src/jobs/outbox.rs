//! Orders from the moment a job is taken until the broker has them. A job is stored together
//! with its orders; they are sent after that, and again after a crash.

use msgflo::Result;
use rusqlite::{TransactionBehavior, params};
use uuid::Uuid;

use super::Jobs;
use crate::clock;
use crate::messages::Order;

/// An image of a job that is to be stored.
pub struct NewImage {
    /// Its file name or URL.
    pub name: Option<String>,
    pub order: Order,
}

impl Jobs {
    /// Stores a job, whole or not at all.
    pub async fn add(&self, job: Uuid, images: Vec<NewImage>) -> Result<()> {
        let mut rows = Vec::new();
        for (position, NewImage { name, order }) in images.into_iter().enumerate() {
            rows.push((order.image.to_string(), position, name, serde_json::to_string(&order)?));
        }
        self.with(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let job = job.to_string();
            transaction
                .execute("INSERT INTO jobs (id, created) VALUES (?, ?)", (&job, clock::now()))?;
            for (id, position, name, order) in rows {
                transaction.execute(
                    r#"INSERT INTO images (id, job, position, name, "order") VALUES (?, ?, ?, ?, ?)"#,
                    params![id, job, i64::try_from(position).unwrap_or(i64::MAX), name, order],
                )?;
            }
            transaction.commit()
        })
        .await
    }

    /// Up to `limit` orders that the broker does not have yet, the oldest first.
    pub async fn unsent(&self, limit: u32) -> Result<Vec<Order>> {
        let orders: Vec<String> = self
            .with(move |connection| {
                connection
                    .prepare_cached(
                        r#"SELECT "order" FROM images WHERE sent = 0 ORDER BY rowid LIMIT ?"#,
                    )?
                    .query_map([limit], |row| row.get(0))?
                    .collect()
            })
            .await?;
        Ok(orders.iter().map(|order| serde_json::from_str(order)).collect::<Result<_, _>>()?)
    }

    /// The broker has these orders.
    pub async fn mark_sent(&self, orders: &[Order]) -> Result<()> {
        let images: Vec<_> = orders.iter().map(|order| order.image.to_string()).collect();
        self.with(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for image in images {
                transaction.execute("UPDATE images SET sent = 1 WHERE id = ?", [image])?;
            }
            transaction.commit()
        })
        .await
    }

    /// The broker has lost what it had: everything unfinished is to be sent again.
    pub async fn send_unfinished_again(&self) -> Result<()> {
        self.with(|connection| {
            connection.execute("UPDATE images SET sent = 0 WHERE state < 2", ())?;
            Ok(())
        })
        .await
    }
}
