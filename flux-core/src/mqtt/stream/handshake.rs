use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::types::limits;

use super::websocket::{self, WebSocket};

/// Where MQTT is served over WebSocket.
const PATH: &str = "/mqtt";

/// The name of MQTT among subprotocols ([MQTT-6.0.0-3]), then the one that clients of 3.1 know.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// The WebSocket handshake of a server (RFC 6455 §4.2, MQTT 5 §6).
pub(super) async fn accept<S>(stream: S, maximum_packet_size: u32) -> io::Result<WebSocket<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let largest = (maximum_packet_size as usize).max(limits::WEBSOCKET_MESSAGE_BYTES);
    let config = WebSocketConfig::default()
        .read_buffer_size(limits::WEBSOCKET_READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(limits::WRITE_BUFFER_BYTES)
        .max_message_size(Some(largest))
        .max_frame_size(Some(largest));
    let socket = accept_hdr_async_with_config(stream, answer, Some(config)).await.map_err(websocket::into_io)?;
    Ok(WebSocket::new(socket))
}

// The size of the error is given by the callback's type.
#[allow(clippy::result_large_err)]
fn answer(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if request.uri().path() != PATH {
        return Err(refusal(StatusCode::NOT_FOUND, "MQTT over WebSocket is served at /mqtt\n"));
    }
    let offered: Vec<&str> = request
        .headers()
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .collect();
    let Some(chosen) = SUBPROTOCOLS.into_iter().find(|subprotocol| offered.contains(subprotocol)) else {
        return Err(refusal(StatusCode::BAD_REQUEST, "offer the WebSocket subprotocol mqtt (Sec-WebSocket-Protocol: mqtt)\n"));
    };
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(chosen));
    Ok(response)
}

fn refusal(status: StatusCode, text: &'static str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(text.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
