//! Where a server listens.

use std::net::{SocketAddr, TcpListener};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Listens on every address; the first one says the port where the others leave it open.
pub(crate) fn listen(addresses: &[String]) -> PyResult<(Vec<TcpListener>, u16)> {
    let mut port = 0;
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let mut address: SocketAddr =
            address.parse().map_err(|_| PyValueError::new_err(format!("{address} is no ip:port")))?;
        if address.port() == 0 {
            address.set_port(port);
        }
        let listener = TcpListener::bind(address)?;
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok((listeners, port))
}
