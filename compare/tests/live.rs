//! `compare live` as its visitors meet it: the page, its events, its metrics, its buttons, and who may not press them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longer than a start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page that is served; what it started ends with it.
struct Live {
    child: Child,
    address: String,
}

impl Live {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
        command.args(["live", "--rate", "50"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("live: http://").and_then(|rest| rest.strip_suffix('/'));
        Self { address: address.unwrap_or_else(|| panic!("it said {line:?}")).to_owned(), child }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// All of an answer: head and body.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = self.connect();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn own(&self) -> String {
        format!("Origin: http://{}\r\n", self.address)
    }

    /// Reads events until one satisfies `is_it`.
    fn await_event(&self, is_it: impl Fn(&str, &serde_json::Value) -> bool) -> serde_json::Value {
        let mut stream = self.connect();
        write!(stream, "GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).unwrap();
        let (mut name, mut seconds) = (String::new(), 0);
        for line in BufReader::new(stream).lines() {
            let line = line.unwrap();
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
                seconds += u64::from(name == "second");
                assert!(seconds < PATIENCE.as_secs(), "what was waited for did not come");
            } else if let Some(data) = line.strip_prefix("data: ") {
                let data = serde_json::from_str(data).unwrap();
                if is_it(&name, &data) {
                    return data;
                }
            }
        }
        panic!("the events ended")
    }

    /// Ctrl-C.
    fn stop(mut self) -> Option<i32> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both systems have a leader and have acknowledged something, and the checker has nothing against it.
fn is_at_work(data: &serde_json::Value) -> bool {
    let systems = data["systems"].as_array().unwrap();
    systems.iter().all(|system| system["leader"].is_number() && system["light"]["colour"] == "kept")
}

#[test]
fn a_visitor_sees_both_at_work_kills_a_leader_and_sees_another_one_and_nobody_else_may() {
    let live = Live::start();
    let page = live.ask("GET", "/", "", "");
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("isr-3:2") && page.contains("quorum-3"),
        "{page}"
    );

    let status = live.await_event(|_, data| data["systems"].is_array() && is_at_work(data));
    let leader = format!("n{}", status["systems"][1]["leader"]);
    let deed = format!(r#"{{"system":"quorum","node":"{leader}","deed":"kill"}}"#);

    for headers in ["Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n", ""] {
        let refused = live.ask("POST", "/deed", headers, &deed);
        assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("may change nothing"), "{refused}");
    }
    let mut stream = live.connect();
    write!(stream, "GET / HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut rebound = String::new();
    stream.read_to_string(&mut rebound).unwrap();
    assert!(
        rebound.starts_with("HTTP/1.1 403") && rebound.contains("not a name of this server"),
        "{rebound}"
    );
    let place = live.ask("GET", "/events", "Sec-Fetch-Site: cross-site\r\n", "");
    assert!(place.starts_with("HTTP/1.1 403"), "{place}");

    let done = live.ask("POST", "/deed", &live.own(), &deed);
    assert!(done.starts_with("HTTP/1.1 204"), "{done}");
    let again = live.ask("POST", "/deed", &live.own(), &deed);
    assert!(again.starts_with("HTTP/1.1 409") && again.contains("restart it first"), "{again}");
    let replaced = |_: &str, data: &serde_json::Value| {
        let quorum = &data["systems"][1];
        quorum["leader"].is_number() && format!("n{}", quorum["leader"]) != leader
    };
    live.await_event(replaced);

    let large = live.ask("POST", "/deed", &live.own(), &" ".repeat(1 << 16));
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");

    let metrics = live.ask("GET", "/metrics", "", "");
    for line in ["# TYPE compare_appends_total counter", "compare_promise_kept{system=\"isr-3:2\"} 1"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let down = format!("compare_replica_up{{system=\"quorum-3\",replica=\"{leader}\"}} 0");
    assert!(metrics.contains(&down), "{metrics}");
    assert_eq!(live.stop(), Some(0));
}

#[test]
fn what_cannot_be_listened_at_is_one_clear_line_and_exit_code_2() {
    for (listen, word) in [("nowhere", "no address and port"), ("203.0.113.1:1", "cannot listen")] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_compare")).args(["live", "--listen", listen]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        let told = text.lines().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>();
        assert!(told.len() == 1 && told[0].contains(word), "{text}");
    }
}
