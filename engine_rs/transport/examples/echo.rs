//! Echoes natively, to see what the transport alone can do: `/echo.Echo/Echo` on the address given.

use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use kasir_transport::{
    Config, Handler, Info, LogCalls, Mailbox, Method, Native, PlainPolicy, Reply, Server, Ticket,
};

struct Echo;

impl Native for Echo {
    fn call(&self, _call: &Info, request: Bytes, ticket: Ticket) -> Option<Reply> {
        ticket.forget();
        Some(Ok(request).into())
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50061".into());
    let methods = vec![Method { name: "/echo.Echo/Echo".into(), handler: Handler::Native(Arc::new(Echo)) }];
    let (mailbox, _doorstep) = Mailbox::new()?;
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?);
    let _server = Server::start(
        Config::default(),
        methods,
        Arc::new(PlainPolicy),
        mailbox,
        LogCalls::Refused,
        vec![listener],
    )?;
    loop {
        std::thread::park();
    }
}
