//! Goal: calls with many requests and an answer to each: in order, no more under way than may, each answered that was taken.
//! Method: a handler that answers when the test wants it, and a client that speaks HTTP/2.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::Reason;
use kasir_transport::{Code, Config, Status, lock};
use support::{PATIENCE, all, connect, framed, messages, open, plain, read, request, run, send, start};

#[test]
fn many_answers_leave_in_the_order_of_their_requests() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let (response, mut stream) = open(&client, request("/t.T/Talk"));
        stream.send_data(all(&[b"1", b"now", b"2", b"3", b"now"]), true).unwrap();
        let asked = running.asked(3).await;
        assert_eq!(running.server.observer().awaited(), 1);
        // The one before them is answered last.
        for (request, ticket) in asked.into_iter().rev() {
            ticket.complete(Ok([&b"re "[..], &request].concat().into()).into());
        }
        let answer = read(response.await.unwrap()).await;
        assert_eq!(answer.code, "0");
        assert_eq!(messages(&answer.body), [&b"re 1"[..], b"now", b"re 2", b"re 3", b"now"]);
        let ended = running.server.observer().take_log(1);
        assert_eq!((ended[0].code, ended[0].messages), (Code::Ok, Some(5)));
        // Nothing asked, nothing answered.
        assert_eq!(send(&client, plain("/t.T/Talk"), Bytes::new()).await.code, "0");
    });
}

#[test]
fn no_more_requests_are_under_way_than_may() {
    run(async {
        let running = start(Config { max_under_way: 4, ..Config::default() });
        let client = connect(running.address).await;
        let (response, mut stream) = open(&client, request("/t.T/Talk"));
        stream.send_data(all(&[&b"x"[..]; 10]), true).unwrap();
        let mut first = running.asked(4).await;
        let (_, ticket) = first.remove(1);
        ticket.complete(Ok(Bytes::new()).into());
        // It waits for the one before it, which is under way as before.
        let nobody = running.asked(0).await;
        let (_, ticket) = first.remove(0);
        ticket.complete(Ok(Bytes::new()).into());
        let mut asked: Vec<_> = first.into_iter().chain(nobody).chain(running.asked(2).await).collect();
        for left in [4, 0] {
            for (_, ticket) in asked.drain(..) {
                ticket.complete(Ok(Bytes::new()).into());
            }
            asked = running.asked(left).await;
        }
        assert_eq!(messages(&read(response.await.unwrap()).await.body).len(), 10);
    });
}

#[test]
fn who_reads_no_answers_is_read_no_further() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let (response, mut stream) = open(&client, request("/t.T/Talk"));
        stream.send_data(all(&vec![&b"x"[..]; 4_000]), true).unwrap();
        let large = vec![7; 10_000];
        let mut asked = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let tickets = std::mem::take(&mut *lock(&running.talk.tickets));
            if tickets.is_empty() {
                break;
            }
            asked += tickets.len();
            for (_, ticket) in tickets {
                ticket.complete(Ok(large.clone().into()).into());
            }
        }
        // What was under way, and what the network takes on the way.
        assert!((1_024..1_200).contains(&asked), "{asked} requests were taken without a reader");
        let reader = tokio::spawn(async { read(response.await.unwrap()).await });
        while !reader.is_finished() {
            let tickets = std::mem::take(&mut *lock(&running.talk.tickets));
            for (_, ticket) in tickets {
                ticket.complete(Ok(large.clone().into()).into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let answer = reader.await.unwrap();
        assert_eq!((answer.code.as_str(), answer.body.len()), ("0", 4_000 * 10_005));
    });
}

#[test]
fn what_makes_no_sense_ends_a_conversation_after_its_answers() {
    run(async {
        let running = start(Config { max_receive_bytes: 100, ..Config::default() });
        let client = connect(running.address).await;
        let too_large = [0; 101];
        for (wrong, code) in [(&b"end"[..], "3"), (b"break", "13"), (&too_large, "8")] {
            let (response, mut stream) = open(&client, request("/t.T/Talk"));
            stream.send_data(all(&[b"first", wrong, b"never"]), false).unwrap();
            let (_, ticket) = running.asked(1).await.remove(0);
            ticket.complete(Ok(Bytes::from_static(b"first")).into());
            let answer = read(response.await.unwrap()).await;
            assert_eq!((answer.code.as_str(), messages(&answer.body)), (code, vec![&b"first"[..]]));
        }
        let cut = framed(0, b"first").slice(..7);
        assert_eq!(send(&client, plain("/t.T/Talk"), cut).await.code, "13");
        // A ticket that is lost, and a status for an answer, end it at once.
        for (result, code) in [(None, "13"), (Some(Status::new(Code::DataLoss, "Lost.")), "15")] {
            let (response, mut stream) = open(&client, request("/t.T/Talk"));
            stream.send_data(all(&[b"first", b"second"]), false).unwrap();
            let mut asked = running.asked(2).await;
            let (_, second) = asked.remove(1);
            match result {
                None => drop(second),
                Some(status) => second.complete(Err(status).into()),
            }
            assert_eq!(read(response.await.unwrap()).await.code, code);
        }
    });
}

#[test]
fn a_request_that_finds_no_room_comes_again() {
    run(async {
        let running = start(Config::default());
        running.talk.full.store(3, Ordering::Relaxed);
        let client = connect(running.address).await;
        let (response, mut stream) = open(&client, request("/t.T/Talk"));
        stream.send_data(all(&[b"first", b"full", b"last"]), true).unwrap();
        for (request, ticket) in running.asked(3).await {
            ticket.complete(Ok(request).into());
        }
        let answer = read(response.await.unwrap()).await;
        assert_eq!(answer.code, "0");
        assert_eq!(messages(&answer.body), [&b"first"[..], b"full", b"last"]);
    });
}

#[test]
fn a_conversation_ends_with_its_caller_and_its_deadline() {
    run(async {
        let running = start(Config::default());
        let client = connect(running.address).await;
        let (response, mut stream) = open(&client, request("/t.T/Talk").header("grpc-timeout", "100m"));
        stream.send_data(all(&[b"late"]), false).unwrap();
        assert_eq!(read(response.await.unwrap()).await.code, "4");
        let (_, ticket) = running.asked(1).await.remove(0);
        ticket.complete(Ok(Bytes::new()).into());
        let none = request("/t.T/Talk").header("grpc-timeout", "0m").body(()).unwrap();
        assert_eq!(send(&client, none, all(&[b"never"])).await.code, "4");

        let (response, mut stream) = open(&client, request("/t.T/Talk"));
        stream.send_data(all(&[b"gone"]), false).unwrap();
        let (request, ticket) = running.asked(1).await.remove(0);
        assert_eq!(&request[..], b"gone");
        stream.send_reset(Reason::CANCEL);
        drop((response, stream));
        let until = Instant::now() + PATIENCE;
        while running.server.observer().awaited() > 0 {
            assert!(Instant::now() < until, "the call never ended");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        ticket.complete(Ok(Bytes::new()).into());
    });
}

#[test]
fn a_stop_answers_what_conversations_have_under_way() {
    run(async {
        let running = Arc::new(start(Config::default()));
        let client = connect(running.address).await;
        let (response, mut stream) = open(&client, request("/t.T/Talk"));
        stream.send_data(all(&[b"1", b"2"]), false).unwrap();
        let asked = running.asked(2).await;
        let here = Arc::clone(&running);
        let stopping = std::thread::spawn(move || here.server.stop(PATIENCE, Duration::from_secs(1)));
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.send_data(all(&[b"3"]), false).unwrap();
        assert!(running.asked(0).await.is_empty(), "nothing more is read");
        for (request, ticket) in asked {
            ticket.complete(Ok(request).into());
        }
        let answer = read(response.await.unwrap()).await;
        assert_eq!((answer.code.as_str(), messages(&answer.body)), ("14", vec![&b"1"[..], b"2"]));
        stopping.join().unwrap();
    });
}
