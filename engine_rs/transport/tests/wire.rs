//! The server as callers meet it who do as they like.
//!
//! Goal: whatever comes over the wire, in whatever pieces and at whatever time, ends with the status it should, and costs
//! what it may. Method: a real server on loopback, and HTTP/2 written by hand where a gRPC client would be too polite.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod support;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Request};
use kasir_transport::{Code, Config, Event, Status};
use support::{PATIENCE, connect, framed, gzip, open, plain, read, request, run, send, start};
use tokio::net::TcpStream;

#[test]
fn a_message_in_any_number_of_frames_is_one_message() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let bytes = framed(0, b"hello");
        for size in 1..=bytes.len() {
            let (response, mut stream) = open(&client, request("/t.T/Echo"));
            for chunk in bytes.chunks(size) {
                stream.send_data(Bytes::copy_from_slice(chunk), false).unwrap();
                tokio::task::yield_now().await;
            }
            stream.send_data(Bytes::new(), true).unwrap();
            let answer = read(response.await.unwrap()).await;
            assert_eq!((answer.code.as_str(), &answer.body[..]), ("0", &bytes[..]));
        }
    });
}

#[test]
fn what_is_no_grpc_is_told_so_in_http() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let wrong = Request::post("http://localhost/t.T/Echo").header("content-type", "application/json");
        assert_eq!(send(&client, wrong.body(()).unwrap(), framed(0, b"")).await.http, 415);
        let longer =
            Request::post("http://localhost/t.T/Echo").header("content-type", "application/grpc-web");
        assert_eq!(send(&client, longer.body(()).unwrap(), framed(0, b"")).await.http, 415);
        let get = Request::get("http://localhost/t.T/Echo").header("content-type", "application/grpc");
        assert_eq!(send(&client, get.body(()).unwrap(), Bytes::new()).await.http, 405);
        let proto =
            Request::post("http://localhost/t.T/Echo").header("content-type", "application/grpc+proto");
        assert_eq!(send(&client, proto.body(()).unwrap(), framed(0, b"")).await.code, "0");
    });
}

#[test]
fn what_is_unknown_or_malformed_has_its_status() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        assert_eq!(send(&client, plain("/t.T/Nothing"), framed(0, b"")).await.code, "12");
        let snappy = request("/t.T/Echo").header("grpc-encoding", "snappy").body(()).unwrap();
        let refused = send(&client, snappy, framed(1, b"")).await;
        assert_eq!(
            (refused.code.as_str(), &refused.headers["grpc-accept-encoding"]),
            ("12", &"identity,gzip".parse().unwrap())
        );
        let late = request("/t.T/Echo").header("grpc-timeout", "soon").body(()).unwrap();
        assert_eq!(send(&client, late, framed(0, b"")).await.code, "13");
        for body in [Bytes::new(), framed(1, b"x"), framed(9, b"x"), framed(0, b"x").slice(..5)] {
            assert_eq!(send(&client, plain("/t.T/Echo"), body).await.code, "13");
        }
        let two = [framed(0, b"1"), framed(0, b"2")].concat().into();
        assert_eq!(send(&client, plain("/t.T/Echo"), two).await.code, "13");
        assert_eq!(running.echo.calls.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_call_that_comes_whole_after_its_deadline_is_not_begun() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let (response, mut stream) = open(&client, request("/t.T/Echo").header("grpc-timeout", "50m"));
        let answer = read(response.await.unwrap()).await;
        assert_eq!(answer.code, "4");
        let _ = stream.send_data(framed(0, b"late"), true);
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, b"")).await.code, "0");
        assert_eq!(running.echo.calls.load(Ordering::Relaxed), 1);
        // Nothing is left to the time itself.
        let none = request("/t.T/Echo").header("grpc-timeout", "0m").body(()).unwrap();
        assert_eq!(send(&client, none, framed(0, b"")).await.code, "4");
        assert_eq!(running.echo.calls.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_deadline_ends_a_call_and_its_late_answer_is_nothing() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let began = Instant::now();
        let asked = request("/t.T/Keep").header("grpc-timeout", "100m").body(()).unwrap();
        assert_eq!(send(&client, asked, framed(0, b"")).await.code, "4");
        assert!(began.elapsed() >= Duration::from_millis(100));
        running.kept().await.1.complete(Ok(Bytes::from_static(b"late")).into());

        let asked = request("/t.T/Unary").header("grpc-timeout", "100m").body(()).unwrap();
        assert_eq!(send(&client, asked, framed(0, b"")).await.code, "4");
        let call = running.call().await;
        let id = call.remote.id();
        running.event(|event| matches!(event, Event::Cancelled(of) if *of == id), drop).await;
    });
}

#[test]
fn gzip_comes_in_and_goes_out_and_a_bomb_does_not() {
    run(async {
        let config = Config { compress_from: Some(100), max_receive_bytes: 10_000, ..Config::default() };
        let running = start(config);
        let client = connect(running.address).await;
        let asked = || {
            let request = request("/t.T/Echo").header("grpc-encoding", "gzip");
            request.header("grpc-accept-encoding", "identity, gzip").body(()).unwrap()
        };
        let answer = send(&client, asked(), framed(1, &gzip(&[7; 5_000]))).await;
        assert_eq!((answer.code.as_str(), &answer.headers["grpc-encoding"]), ("0", &"gzip".parse().unwrap()));
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&answer.body[5..]).read_to_end(&mut plain).unwrap();
        assert_eq!((answer.body[0], plain), (1, vec![7; 5_000]));
        let small = send(&client, asked(), framed(0, b"small")).await;
        assert_eq!((small.body, small.headers.get("grpc-encoding")), (framed(0, b"small").to_vec(), None));

        let bomb = gzip(&vec![0; 4_000_000]);
        assert!(bomb.len() < 10_000);
        assert_eq!(send(&client, asked(), framed(1, &bomb)).await.code, "8");
        assert_eq!(send(&client, asked(), framed(1, b"no gzip")).await.code, "13");
    });
}

#[test]
fn messages_have_a_limit_both_ways() {
    run(async {
        let config = Config { max_receive_bytes: 1_000, max_send_bytes: 500, ..Config::default() };
        let running = start(config);
        let client = connect(running.address).await;
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, &[0; 500])).await.code, "0");
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, &[0; 501])).await.code, "8");
        // The length alone is enough: nobody waits for the rest.
        let (response, mut stream) = open(&client, request("/t.T/Echo"));
        stream.send_data(framed(0, &[0; 1_001]).slice(..5), false).unwrap();
        assert_eq!(read(response.await.unwrap()).await.code, "8");
    });
}

#[test]
fn calls_and_connections_have_a_limit() {
    run(async {
        let running = start(Config { max_calls: 1, max_connections: 1, ..Config::default() });
        let client = connect(running.address).await;
        let (waiting, mut stream) = open(&client, request("/t.T/Keep"));
        stream.send_data(framed(0, b"first"), true).unwrap();
        let (first, ticket) = running.kept().await;
        assert_eq!(send(&client, plain("/t.T/Keep"), framed(0, b"second")).await.code, "8");
        ticket.complete(Ok(first).into());
        assert_eq!(read(waiting.await.unwrap()).await.code, "0");
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, b"")).await.code, "0");

        let mut second = std::net::TcpStream::connect(running.address).unwrap();
        second.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(second.read(&mut [0; 1]).unwrap_or(0), 0, "a second connection is closed at once");
    });
}

#[test]
fn a_handler_that_breaks_or_forgets_its_call_is_a_fault() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        assert_eq!(send(&client, plain("/t.T/Broken"), framed(0, b"x")).await.code, "13");
        assert_eq!(send(&client, plain("/t.T/Broken"), framed(0, b"")).await.code, "13");
        let (response, mut stream) = open(&client, request("/t.T/Watch"));
        stream.send_data(framed(0, b""), true).unwrap();
        drop(running.call().await);
        assert_eq!(read(response.await.unwrap()).await.code, "13");
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, b"")).await.code, "0");
    });
}

#[test]
fn a_caller_that_goes_away_is_missed() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let (response, mut stream) = open(&client, request("/t.T/Watch"));
        stream.send_data(framed(0, b""), true).unwrap();
        let call = running.call().await;
        let id = call.remote.id();
        stream.send_reset(Reason::CANCEL);
        drop(response);
        running.event(|event| matches!(event, Event::Cancelled(of) if *of == id), drop).await;
        call.remote.forget();
        let ended = running.server.observer().take_log(1);
        assert_eq!((ended[0].code, ended[0].messages), (Code::Cancelled, Some(0)));

        // A connection that breaks takes its calls with it.
        let gone = connect(running.address).await;
        let (response, stream) = open(&gone, request("/t.T/Chat"));
        let call = running.call().await;
        let id = call.remote.id();
        drop((response, stream, gone));
        running.event(|event| matches!(event, Event::Cancelled(of) if *of == id), drop).await;
    });
}

#[test]
fn who_reads_slowly_holds_up_who_writes() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let (response, mut stream) = open(&client, request("/t.T/Watch"));
        stream.send_data(framed(0, b""), true).unwrap();
        let call = running.call().await;
        let (id, message) = (call.remote.id(), Bytes::from(vec![1; 10_000]));
        let mut sent = 0;
        loop {
            sent += 1;
            if call.remote.send(message.clone()) {
                continue;
            }
            // What the network takes on the way is no room that lasts.
            tokio::time::sleep(Duration::from_millis(50)).await;
            if call.remote.must_wait() {
                break;
            }
        }
        assert!((7..40).contains(&sent), "{sent} messages were taken without a reader");
        let reader = tokio::spawn(async { read(response.await.unwrap()).await });
        running.event(|event| matches!(event, Event::Writable(of) if *of == id), drop).await;
        let mut trailing = HeaderMap::new();
        trailing.insert("note", "the end".parse().unwrap());
        call.remote.finish(Status::new(Code::Aborted, "Enough."), trailing);
        let answer = reader.await.unwrap();
        assert_eq!((answer.code.as_str(), answer.body.len()), ("10", sent * 10_005));
        assert_eq!(answer.headers["note"], "the end");
    });
}

#[test]
fn a_handler_that_takes_slowly_holds_up_the_caller() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let (response, mut stream) = open(&client, request("/t.T/Chat"));
        let call = running.call().await;
        let message = framed(0, &vec![2; 100_000]);
        let mut pushed = 0;
        // Until nothing moves: the window is full, and so is what the handler is given ahead.
        loop {
            stream.reserve_capacity(message.len());
            let capacity = std::future::poll_fn(|context| stream.poll_capacity(context));
            match tokio::time::timeout(Duration::from_millis(300), capacity).await {
                Ok(Some(Ok(capacity))) => {
                    let from = pushed % message.len();
                    let now = message.slice(from..message.len().min(from + capacity));
                    pushed += now.len();
                    stream.send_data(now, false).unwrap();
                }
                Ok(_) => panic!("the stream broke"),
                Err(_) => break,
            }
        }
        assert!(pushed < 2_000_000, "{pushed} bytes were taken without a handler");
        stream.send_reset(Reason::CANCEL);
        drop((response, call));
    });
}

#[test]
fn a_stop_waits_for_answers_and_says_goodbye() {
    run(async {
        let running = Arc::new(start(Config::default()));
        let client = connect(running.address).await;
        let (waiting, mut stream) = open(&client, request("/t.T/Keep"));
        stream.send_data(framed(0, b"last"), true).unwrap();
        let (last, ticket) = running.kept().await;
        let here = Arc::clone(&running);
        let stopping = std::thread::spawn(move || {
            let began = Instant::now();
            here.server.stop(PATIENCE, Duration::from_secs(1));
            began.elapsed()
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(TcpStream::connect(running.address).await.is_err(), "nobody new is let in");
        ticket.complete(Ok(last).into());
        assert_eq!(read(waiting.await.unwrap()).await.code, "0");
        assert!(stopping.join().unwrap() < Duration::from_secs(3));
        let ended = running.server.observer().take_log(10);
        assert_eq!(ended.iter().map(|record| record.code).collect::<Vec<_>>(), [Code::Ok]);
    });
}

#[test]
fn a_stop_waits_no_longer_than_its_grace() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let (waiting, mut stream) = open(&client, request("/t.T/Keep"));
        stream.send_data(framed(0, b""), true).unwrap();
        let kept = running.kept().await;
        running.server.stop(Duration::from_millis(100), Duration::from_secs(1));
        assert!(waiting.await.is_err());
        drop(kept);
    });
}

#[test]
fn who_still_sends_when_it_is_over_reads_why_all_the_same() {
    const GOAWAY: u8 = 7;
    let running = start(Config::default());
    let mut socket = std::net::TcpStream::connect(running.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut heard = Vec::new();
    // A message for no call: that is the end.
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0").unwrap();
    for _ in 0..50 {
        socket.write_all(&[0; 16 * 1024]).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    socket.read_to_end(&mut heard).unwrap();
    let ends = |from: &[u8]| from[3] == GOAWAY && from[13..17] == 1_u32.to_be_bytes();
    assert!(heard.windows(17).any(ends), "{heard:?}");
    // Who never stops is not listened to for ever.
    let began = Instant::now();
    while socket.write_all(&[0; 16 * 1024]).is_ok() {
        assert!(began.elapsed() < PATIENCE);
    }
}

#[test]
fn who_says_nothing_or_answers_nothing_is_let_go() {
    run(async {
        let config = Config {
            handshake_timeout: Duration::from_millis(200),
            keepalive: Duration::from_millis(200),
            keepalive_timeout: Duration::from_millis(200),
            ..Config::default()
        };
        let running = start(config);
        let gone = |hello: &'static [u8]| {
            let address = running.address;
            tokio::task::spawn_blocking(move || {
                let mut socket = std::net::TcpStream::connect(address).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.write_all(hello).unwrap();
                let began = Instant::now();
                let mut heard = Vec::new();
                let _ = socket.read_to_end(&mut heard);
                began.elapsed()
            })
        };
        // Nothing; and the preface with empty settings, but no answer to a ping.
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let (silent, deaf) = (gone(b""), gone(preface));
        assert!(silent.await.unwrap() < Duration::from_secs(5));
        assert!(deaf.await.unwrap() < Duration::from_secs(5));
        // A polite connection stays.
        let client = connect(running.address).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, b"")).await.code, "0");
    });
}

#[test]
fn calls_that_are_broken_off_at_once_hold_up_nobody() {
    run(async {
        let running = start(Config::default());
        let attacker = connect(running.address).await;
        for _ in 0..20_000 {
            let Ok(mut ready) = attacker.clone().ready().await else { break };
            let Ok((_, mut stream)) = ready.send_request(plain("/t.T/Keep"), false) else { break };
            stream.send_reset(Reason::CANCEL);
        }
        let client = connect(running.address).await;
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, b"")).await.code, "0");
        let until = Instant::now() + PATIENCE;
        while running.server.observer().awaited() > 0 {
            assert!(Instant::now() < until, "{} calls are left", running.server.observer().awaited());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn too_many_headers_are_refused() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let heavy = request("/t.T/Echo").header("note", "x".repeat(40_000)).body(()).unwrap();
        let answer = send(&client, heavy, framed(0, b"")).await;
        assert_eq!(answer.http, 431);
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, b"")).await.code, "0");
    });
}

#[test]
fn requests_that_never_come_whole_leave_room_for_others() {
    run(async {
        let running = start(Config { max_calls: 8, ..Config::default() });
        let attacker = connect(running.address).await;
        let mut half = Vec::new();
        for _ in 0..20 {
            let (response, mut stream) = open(&attacker, request("/t.T/Keep"));
            stream.send_data(framed(0, b"half").slice(..7), false).unwrap();
            half.push((response, stream));
        }
        let client = connect(running.address).await;
        for _ in 0..20 {
            assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, b"")).await.code, "0");
        }
        // The oldest made room, and the newest may still be sent.
        let (response, mut stream) = half.pop().unwrap();
        stream.send_data(framed(0, b"half").slice(7..), true).unwrap();
        let kept = running.kept().await;
        assert_eq!(&kept.0[..], b"half");
        kept.1.complete(Ok(Bytes::new()).into());
        assert_eq!(read(response.await.unwrap()).await.code, "0");
        let (response, _stream) = half.swap_remove(0);
        assert_eq!(read(response.await.unwrap()).await.code, "8");
    });
}

#[test]
fn a_request_has_its_time_to_come_whole_and_then_its_own() {
    run(async {
        let running = start(Config { request_timeout: Duration::from_millis(200), ..Config::default() });
        let client = connect(running.address).await;
        let began = Instant::now();
        let (response, _stream) = open(&client, request("/t.T/Echo"));
        assert_eq!(read(response.await.unwrap()).await.code, "4");
        assert!(began.elapsed() >= Duration::from_millis(200));
        // One that came in time may be answered as late as its caller says.
        let (response, mut stream) = open(&client, request("/t.T/Keep"));
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.send_data(framed(0, b""), true).unwrap();
        let kept = running.kept().await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        kept.1.complete(Ok(Bytes::new()).into());
        assert_eq!(read(response.await.unwrap()).await.code, "0");
    });
}

#[test]
fn streams_leave_room_for_calls() {
    run(async {
        let running = start(Config { max_calls: 8, ..Config::default() });
        let client = connect(running.address).await;
        let streams: Vec<_> = (0..6).map(|_| open(&client, request("/t.T/Talk"))).collect();
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, b"")).await.code, "0");
        let mut refused = 0;
        for (response, mut stream) in streams {
            let _ = stream.send_data(Bytes::new(), true);
            refused += usize::from(read(response.await.unwrap()).await.code == "8");
        }
        assert_eq!(refused, 2);
    });
}

#[test]
fn streams_and_requests_that_never_come_whole_leave_room_for_calls_together() {
    run(async {
        let running = start(Config { max_calls: 8, ..Config::default() });
        let attacker = connect(running.address).await;
        let streams: Vec<_> = (0..6).map(|_| open(&attacker, request("/t.T/Talk"))).collect();
        let mut half: Vec<_> = (0..20).map(|_| open(&attacker, request("/t.T/Keep"))).collect();
        let (oldest, _open) = half.remove(0);
        assert_eq!(read(oldest.await.unwrap()).await.code, "8", "it made room");
        let client = connect(running.address).await;
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, b"")).await.code, "0");
        drop(streams);
    });
}

#[test]
fn an_answer_waits_for_room_and_not_for_ever() {
    run(async {
        let running = start(Config { keepalive_timeout: Duration::from_millis(500), ..Config::default() });
        let socket = TcpStream::connect(running.address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(0);
        let (client, mut connection) = builder.handshake::<_, Bytes>(socket).await.unwrap();
        let (window, mut wider) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            tokio::select! {
                size = &mut wider => connection.set_initial_window_size(size.unwrap()).unwrap(),
                _ = &mut connection => return,
            }
            let _ = connection.await;
        });
        let ask = |body: Bytes| {
            let (response, mut stream) = open(&client, request("/t.T/Echo"));
            stream.send_data(body, true).unwrap();
            response
        };
        let stuck = ask(framed(0, b"stuck")).await.unwrap();
        let ended = read_error(stuck).await;
        assert_eq!(ended.reason(), Some(Reason::CANCEL));
        let late = ask(framed(0, &vec![7; 100_000])).await.unwrap();
        window.send(1_000).unwrap();
        let answer = read(late).await;
        assert_eq!((answer.code.as_str(), answer.body.len()), ("0", 100_005));
        assert_eq!(send(&client, plain("/t.T/Echo"), framed(0, b"x")).await.code, "0");
    });
}

#[test]
fn answers_that_nobody_takes_make_room_and_are_lost_not_refused() {
    run(async {
        let running = start(Config::default());
        let socket = TcpStream::connect(running.address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(0);
        let (client, connection) = builder.handshake::<_, Bytes>(socket).await.unwrap();
        tokio::spawn(connection);
        let large = framed(0, &vec![7; 4 << 20]);
        let mut answers = Vec::new();
        for _ in 0..25 {
            let (response, mut stream) = open(&client, request("/t.T/Echo"));
            stream.send_data(large.clone(), true).unwrap();
            answers.push(response.await);
        }
        assert_eq!(running.echo.calls.load(Ordering::Relaxed), 25, "each was done");
        // Room is for 23 of them: the oldest go.
        let mut lost = Vec::new();
        for (place, answer) in answers.into_iter().enumerate() {
            let ended = async {
                match answer {
                    Ok(answer) => read_error(answer).await,
                    Err(error) => error,
                }
            };
            if let Ok(error) = tokio::time::timeout(Duration::from_millis(50), ended).await {
                assert_eq!(error.reason(), Some(Reason::CANCEL), "no refusal: it was done");
                lost.push(place);
            }
        }
        assert_eq!(lost, [0, 1]);
        let client = connect(running.address).await;
        let again = send(&client, plain("/t.T/Echo"), large).await;
        assert_eq!((again.code.as_str(), again.body.len()), ("0", 5 + (4 << 20)), "who takes it has it");
    });
}

async fn read_error(response: http::Response<h2::RecvStream>) -> h2::Error {
    let mut body = response.into_body();
    loop {
        match body.data().await.expect("it ends before its trailers") {
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}
