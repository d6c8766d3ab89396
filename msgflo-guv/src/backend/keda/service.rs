//! The service `externalscaler.ExternalScaler`.

use std::convert::Infallible;

use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::{BoxStream, StreamExt, unfold};
use prost::Message;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::message::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
    MetricValue, ScaledObjectRef,
};
use super::wanted::Wanted;

/// Workers for each worker.
const TARGET: i64 = 1;

/// The service: requests for its methods' paths, as gRPC has them.
pub(super) fn external_scaler(
    wanted: watch::Receiver<Wanted>,
) -> impl Service<
    http::Request<Body>,
    Response = http::Response<Body>,
    Error = Infallible,
    Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>,
> + Clone
+ Send {
    service_fn(move |request: http::Request<Body>| {
        let scaler = Scaler(wanted.clone());
        async move { Ok(scaler.answer(request).await) }.boxed()
    })
}

struct Scaler(watch::Receiver<Wanted>);

impl Scaler {
    async fn answer(self, request: http::Request<Body>) -> http::Response<Body> {
        let path = request.uri().path();
        match path.strip_prefix("/externalscaler.ExternalScaler/") {
            Some("IsActive") => unary(request, |of| self.is_active(&of)).await,
            Some("StreamIsActive") => {
                let stream = |of: Request<ScaledObjectRef>| {
                    ready(self.stream_is_active(of.get_ref()).map(Response::new))
                };
                Grpc::new(ProstCodec::default()).server_streaming(service_fn(stream), request).await
            }
            Some("GetMetricSpec") => unary(request, |of| self.metric_spec(&of)).await,
            Some("GetMetrics") => unary(request, |of| self.metrics(&of)).await,
            _ => Status::unimplemented(format!("there is no {path} here")).into_http(),
        }
    }

    fn is_active(&self, of: &ScaledObjectRef) -> Result<IsActiveResponse, Status> {
        Ok(IsActiveResponse { result: self.workers(self.role(of)?)? > 0 })
    }

    fn stream_is_active(
        &self,
        of: &ScaledObjectRef,
    ) -> Result<BoxStream<'static, Result<IsActiveResponse, Status>>, Status> {
        let role = self.role(of)?.to_owned();
        let stream = unfold((self.0.clone(), None), move |(mut wanted, sent)| {
            let role = role.clone();
            async move {
                let news = |wanted: &Wanted| {
                    let active = wanted.is_active(&role);
                    wanted.is_closing() || active.is_some() && active != sent
                };
                let active = match wanted.wait_for(news).await {
                    Ok(wanted) if !wanted.is_closing() => wanted.is_active(&role)?,
                    _ => return None,
                };
                Some((Ok(IsActiveResponse { result: active }), (wanted, Some(active))))
            }
        });
        Ok(stream.boxed())
    }

    fn metric_spec(&self, of: &ScaledObjectRef) -> Result<GetMetricSpecResponse, Status> {
        let spec = MetricSpec {
            metric_name: metric(self.role(of)?),
            target_size: TARGET,
            target_size_float: TARGET as f64,
        };
        Ok(GetMetricSpecResponse { metric_specs: vec![spec] })
    }

    fn metrics(&self, request: &GetMetricsRequest) -> Result<GetMetricsResponse, Status> {
        let of = request.scaled_object_ref.as_ref();
        let of = of.ok_or_else(|| Status::invalid_argument("scaledObjectRef is missing"))?;
        let role = self.role(of)?;
        let metric_name = metric(role);
        if request.metric_name != metric_name {
            return Err(Status::not_found(format!(
                "role `{role}` has the metric `{metric_name}`, and no `{}`",
                request.metric_name
            )));
        }
        let workers = self.workers(role)?;
        let value = MetricValue {
            metric_name,
            metric_value: workers.into(),
            metric_value_float: workers.into(),
        };
        Ok(GetMetricsResponse { metric_values: vec![value] })
    }

    /// The role that is meant, if there is such a role.
    fn role<'a>(&self, of: &'a ScaledObjectRef) -> Result<&'a str, Status> {
        let given = of.scaler_metadata.get("role").filter(|role| !role.is_empty());
        let role = given.unwrap_or(&of.name);
        let wanted = self.0.borrow();
        if wanted.workers(role).is_some() {
            return Ok(role);
        }
        let there = wanted.roles().join(", ");
        Err(Status::not_found(format!(
            "there is no role `{role}` for ScaledObject `{}` in `{}`, but {there}; set `role` in the trigger's metadata",
            of.name, of.namespace
        )))
    }

    fn workers(&self, role: &str) -> Result<u32, Status> {
        let workers = self.0.borrow().workers(role).flatten();
        workers.ok_or_else(|| {
            Status::unavailable(format!("nothing was decided for role `{role}` yet"))
        })
    }
}

async fn unary<I, O>(
    request: http::Request<Body>,
    method: impl FnMut(I) -> Result<O, Status>,
) -> http::Response<Body>
where
    I: Message + Default + 'static,
    O: Message + Default + 'static,
{
    let mut method = method;
    let call = |request: Request<I>| ready(method(request.into_inner()).map(Response::new));
    Grpc::new(ProstCodec::<O, I>::default()).unary(service_fn(call), request).await
}

/// The role's name, of characters that may be in a URL's path.
fn metric(role: &str) -> String {
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
        _ => '-',
    };
    role.chars().map(plain).collect()
}
