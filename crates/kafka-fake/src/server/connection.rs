//! One connection: requests are carried out one after the other, answers leave in their order.

use std::sync::Arc;
use std::time::Duration;

use kafka_wire::{ApiKey, ErrorCode};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::request::{Request, read_frame};
use super::{REQUEST_BYTES_MAX, Server};
use crate::api::{Body, Unserved, serve, unsupported_api_versions};
use crate::call::Call;
use crate::clock::whole_ms;
use crate::fault::{Action, InterceptedRequest};
use crate::network::Stream;

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) server: Server,
    pub(super) number: u64,
    pub(super) peer: String,
    pub(super) client_host: String,
}

/// What leaves a connection after a request.
#[derive(Debug)]
enum Reply {
    /// These bytes, and then the broker does not listen for a while.
    Send(Vec<u8>, Duration),
    /// Nothing: the client wants no answer.
    Nothing,
    /// Nothing, ever again.
    Silence,
}

/// The connection is to be closed.
#[derive(Debug)]
struct Close;

// === impl Connection ===

impl Connection {
    pub(super) async fn run(self, mut stream: impl Stream) {
        while let Some(frame) = read_frame(&mut stream, REQUEST_BYTES_MAX).await {
            self.server.running.pass().await;
            let Some(request) = Request::parse(frame) else {
                return;
            };
            let Ok(reply) = Box::pin(self.reply_to(&request)).await else {
                return;
            };
            self.server.running.pass().await;
            match reply {
                Reply::Send(answer, silence) => {
                    if send(&mut stream, &answer).await.is_err() {
                        return;
                    }
                    if !silence.is_zero() {
                        sleep(silence).await; // KIP-219: the answer first, then deaf for the throttle time
                    }
                }
                Reply::Nothing => {}
                Reply::Silence => std::future::pending().await,
            }
        }
    }

    async fn reply_to(&self, request: &Request) -> Result<Reply, Close> {
        let faults = &self.server.shared.faults;
        let action = faults.interceptors.decide(&InterceptedRequest {
            broker: self.server.broker,
            api: request.api,
            version: request.version,
            client_id: &request.client_id,
            peer: &self.peer,
            connection: self.number,
            correlation_id: request.correlation_id,
            body: &request.body,
        });
        let throttle = faults.throttle(request.api);
        match action {
            Action::Pass => self.carry_out(request, None, throttle).await,
            Action::Delay(time) => {
                sleep(time).await;
                self.carry_out(request, None, throttle).await
            }
            Action::DelayAnswer(time) => {
                let reply = self.carry_out(request, None, throttle).await;
                sleep(time).await;
                reply
            }
            Action::Fail(code) => self.carry_out(request, Some(code), throttle).await,
            Action::Cut => Err(Close),
            Action::CutAnswer => {
                self.carry_out(request, None, throttle).await?;
                Err(Close)
            }
            Action::Swallow => {
                self.carry_out(request, None, throttle).await?;
                Ok(Reply::Silence)
            }
            Action::AlterAnswer(alter) => {
                let mut reply = self.carry_out(request, None, throttle).await?;
                if let Reply::Send(answer, _) = &mut reply {
                    alter(answer);
                }
                Ok(reply)
            }
            Action::Throttle(time) => self.carry_out(request, None, time).await,
            Action::Hold(gate) => {
                gate.pass().await;
                self.carry_out(request, None, throttle).await
            }
        }
    }

    async fn carry_out(
        &self,
        request: &Request,
        imposed: Option<ErrorCode>,
        throttle: Duration,
    ) -> Result<Reply, Close> {
        let shared = &self.server.shared;
        let mut call = Call {
            shared: Arc::clone(shared),
            broker: self.server.broker,
            version: request.version,
            client_id: request.client_id.clone(),
            client_host: self.client_host.clone(),
            imposed,
        };
        let is_served = shared
            .versions
            .get(&request.api)
            .is_some_and(|range| range.contains(request.version));
        let served = if is_served {
            let throttle_ms = i32::try_from(whole_ms(throttle)).unwrap_or(i32::MAX);
            serve(Body {
                call: &call,
                api: request.api,
                bytes: request.body.clone(),
                throttle_ms,
            })
            .await
        } else if request.api == ApiKey::ApiVersions {
            call.version = 0;
            unsupported_api_versions(&call).map(Some)
        } else {
            Err(Unserved::UnsupportedVersion {
                api: request.api,
                version: request.version,
            })
        };
        match served {
            Ok(Some(body)) => {
                let answer = request.answer(&body, call.version).ok_or(Close)?;
                Ok(Reply::Send(answer, throttle))
            }
            Ok(None) => Ok(Reply::Nothing),
            Err(reason) => {
                shared.faults.note_unserved(&reason);
                Err(Close)
            }
        }
    }
}

async fn send(stream: &mut impl Stream, answer: &[u8]) -> std::io::Result<()> {
    let length = i32::try_from(answer.len()).map_err(std::io::Error::other)?;
    let mut frame = Vec::with_capacity(answer.len() + 4);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(answer);
    stream.write_all(&frame).await?;
    stream.flush().await
}
