//! A plain blocking HTTP client that takes any status as an answer.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;

/// Talks to one service.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    header: Option<(String, String)>,
}

/// What the service answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    /// The header `content-disposition`.
    pub disposition: String,
    /// The body as it came.
    pub text: String,
    /// The body as JSON, or null.
    pub json: Value,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { agent: config.into(), base: format!("http://{address}"), header: None }
    }

    /// The same with one more header in every request.
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        Self { header: Some((name.into(), value.into())), ..self.clone() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.try_send("GET", path, None).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// A GET of a picture, or of why there is none.
    pub fn get_picture(&self, path: &str) -> (ureq::http::HeaderMap, Vec<u8>) {
        let request = ureq::http::Request::get(format!("{}{path}", self.base)).body(()).unwrap();
        let mut response = self.agent.run(request).unwrap();
        assert_eq!(
            response.status(),
            200,
            "GET {path}: {:?}",
            response.body_mut().read_to_string()
        );
        let bytes = response.body_mut().read_to_vec().unwrap();
        (response.headers().clone(), bytes)
    }

    /// A GET that asks for this type of content.
    pub fn get_as(&self, path: &str, accept: &str) -> Answer {
        let request = ureq::http::Request::get(format!("{}{path}", self.base));
        let request = request.header("accept", accept).body(()).unwrap();
        self.agent
            .run(request)
            .and_then(Answer::read)
            .unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.try_send("DELETE", path, None).unwrap_or_else(|error| panic!("DELETE {path}: {error}"))
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &body.to_string())
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &body.to_string())
    }

    /// A POST without a body.
    pub fn post_empty(&self, path: &str) -> Answer {
        self.try_send("POST", path, None).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Sends any text as `application/json`.
    pub fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        self.try_send(method, path, Some(body))
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends and reports a failed connection as an error.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json");
        if let Some((name, value)) = &self.header {
            request = request.header(name, value);
        }
        let response = match body {
            Some(body) => self.agent.run(request.body(body)?)?,
            None => self.agent.run(request.body(())?)?,
        };
        Answer::read(response)
    }
}

impl Answer {
    fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Self, ureq::Error> {
        let status = response.status().as_u16();
        let header = |name| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (content_type, disposition) = (header("content-type"), header("content-disposition"));
        let text = response.body_mut().read_to_string()?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { status, content_type, disposition, text, json })
    }

    /// Asserts a success with this status and gives its data.
    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!((self.status, &self.json["success"]), (status, &Value::Bool(true)), "{self:?}");
        self.json["data"].clone()
    }

    /// Asserts an error in the envelope with this status and code; gives the answer back.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.content_type.starts_with("application/json"), "{self:?}");
        assert_eq!(self.json["success"], false, "{self:?}");
        assert_eq!(self.json["code"], code, "{self:?}");
        assert!(!self.error().is_empty(), "{self:?}");
        self
    }

    /// The error's sentence.
    pub fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }

    /// The value of a metric's line, e.g. `becamera_queue_depth` or `becamera_workers{state="idle"}`.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let value = self.text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok())
    }
}
