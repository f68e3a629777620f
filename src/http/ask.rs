//! Asks an actor, in bounded time.

use std::time::Duration;

use actix::{Actor, Addr, Handler, MailboxError, Message, dev::ToEnvelope};

use super::error::ApiError;

/// How long an actor may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends a message and awaits its answer. A message that was given up before the actor took it is
/// dropped unseen.
pub(super) async fn ask<A, M>(actor: &Addr<A>, message: M) -> Result<M::Result, ApiError>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    match tokio::time::timeout(ANSWER_TIMEOUT, actor.send(message)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(MailboxError::Closed)) => Err(ApiError::Unavailable),
        Ok(Err(MailboxError::Timeout)) | Err(_) => Err(ApiError::Timeout),
    }
}
