//! A light loader: many calls in flight on a few connections, from one thread.
//!
//!     cargo run --release -p kasir-transport --example load -- HOST:PORT /package.Service/Method \
//!         [--connections 2] [--in-flight 64] [--seconds 5] [--request HEX] [--uuid-at OFFSET]
//!
//! `--uuid-at` writes a fresh UUID (36 characters) over the request at this place for every call. Prints the rate, the
//! latencies and how many calls did not end well.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::Request;
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};

type Fallible<T> = Result<T, Box<dyn Error>>;

#[derive(Clone)]
struct Work {
    path: String,
    request: Vec<u8>,
    uuid_at: Option<usize>,
}

#[derive(Default)]
struct Tally {
    latencies: Vec<Duration>,
    ends: BTreeMap<String, usize>,
    made: u64,
}

fn option(arguments: &[String], name: &str) -> Option<String> {
    let place = arguments.iter().position(|argument| argument == name)?;
    arguments.get(place + 1).cloned()
}

fn number<T: std::str::FromStr>(arguments: &[String], name: &str, otherwise: T) -> T {
    option(arguments, name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn from_hex(text: &str) -> Fallible<Vec<u8>> {
    (0..text.len() / 2).map(|place| Ok(u8::from_str_radix(&text[2 * place..2 * place + 2], 16)?)).collect()
}

fn framed(work: &Work, made: u64) -> Bytes {
    let mut message = work.request.clone();
    if let Some(at) = work.uuid_at {
        // Version 7 by its form, in order of arrival by its value.
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let millis = since.as_millis();
        let (high, low) = (millis >> 16 & 0xffff_ffff, millis & 0xffff);
        let node = u64::from(std::process::id()) << 28 | made & 0xfff_ffff;
        let text =
            format!("{high:08x}-{low:04x}-7{:03x}-8000-{:012x}", made >> 28 & 0xfff, node & 0xffff_ffff_ffff);
        message[at..at + 36].copy_from_slice(text.as_bytes());
    }
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a request is small"));
    frame.put_slice(&message);
    frame.freeze()
}

async fn call(client: &mut SendRequest<Bytes>, uri: &str, message: Bytes) -> Fallible<String> {
    let request = Request::post(uri)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "20S")
        .body(())?;
    let (response, mut body) = client.send_request(request, false)?;
    body.send_data(message, true)?;
    let (head, mut body) = response.await?.into_parts();
    while let Some(chunk) = body.data().await {
        body.flow_control().release_capacity(chunk?.len())?;
    }
    let trailers = body.trailers().await?;
    let status = trailers.as_ref().unwrap_or(&head.headers).get("grpc-status");
    Ok(status.and_then(|status| status.to_str().ok()).unwrap_or("none").to_owned())
}

async fn caller(mut client: SendRequest<Bytes>, work: Rc<Work>, until: Instant, tally: Rc<RefCell<Tally>>) {
    let uri = format!("http://localhost{}", work.path);
    while Instant::now() < until {
        let made = {
            let mut tally = tally.borrow_mut();
            tally.made += 1;
            tally.made
        };
        let message = framed(&work, made);
        let began = Instant::now();
        let ended = call(&mut client, &uri, message).await;
        let mut tally = tally.borrow_mut();
        match ended {
            Ok(status) => {
                tally.latencies.push(began.elapsed());
                *tally.ends.entry(status).or_default() += 1;
            }
            Err(error) => {
                *tally.ends.entry(error.to_string()).or_default() += 1;
                return;
            }
        }
    }
}

async fn load(
    address: String,
    work: Work,
    connections: usize,
    in_flight: usize,
    time: Duration,
) -> Fallible<()> {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let work = Rc::new(work);
    let mut callers = Vec::new();
    let began = Instant::now();
    for connection in 0..connections {
        let socket = TcpStream::connect(&address).await?;
        socket.set_nodelay(true)?;
        let (client, driver) = h2::client::handshake(socket).await?;
        spawn_local(async { drop(driver.await) });
        for _ in 0..in_flight / connections + usize::from(connection < in_flight % connections) {
            let (work, tally) = (Rc::clone(&work), Rc::clone(&tally));
            callers.push(spawn_local(caller(client.clone(), work, began + time, tally)));
        }
    }
    for caller in callers {
        caller.await?;
    }
    let took = began.elapsed();
    let mut tally = tally.borrow_mut();
    tally.latencies.sort_unstable();
    let at = |part: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place"
        )]
        let place = ((tally.latencies.len() as f64 - 1.0) * part) as usize;
        tally.latencies.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = tally.latencies.len() as f64 / took.as_secs_f64();
    println!("{rate:.0}/s  p50 {:.3} ms  p99 {:.3} ms  ends {:?}", at(0.5), at(0.99), tally.ends);
    Ok(())
}

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, ..] = &arguments[..] else { return Err("HOST:PORT /package.Service/Method".into()) };
    let work = Work {
        path: path.clone(),
        request: option(&arguments, "--request").map_or(Ok(vec![7; 100]), |text| from_hex(&text))?,
        uuid_at: option(&arguments, "--uuid-at").and_then(|text| text.parse().ok()),
    };
    let in_flight = number(&arguments, "--in-flight", 64_usize);
    let connections = number(&arguments, "--connections", 2_usize).clamp(1, in_flight.max(1));
    let time = Duration::from_secs_f64(number(&arguments, "--seconds", 5.0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, load(address.clone(), work, connections, in_flight, time))
}
