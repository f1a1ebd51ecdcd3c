//! A SOCKS5 proxy (RFC 1928) that asks for a name and a password (RFC 1929), leads wherever it is told, and notes what it is
//! asked for. Tor's does the same as far as a client can see.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;

/// One connection that a client asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// User name and password.
    pub credentials: (Vec<u8>, Vec<u8>),
    /// The name that was to be looked up; `None` when the client had looked it up itself.
    pub name: Option<String>,
}

/// A proxy that runs until the process ends.
#[derive(Debug, Clone)]
pub struct SocksProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl SocksProxy {
    /// Starts one. `names` says where names lead; nothing else leads anywhere.
    pub fn start(names: BTreeMap<String, SocketAddr>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for the proxy")?;
        let proxy = Self { address: listener.local_addr()?, asked: Arc::default() };
        let asked = proxy.asked.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (asked, names) = (asked.clone(), names.clone());
                std::thread::spawn(move || serve(client, &names, &asked));
            }
        });
        Ok(proxy)
    }

    /// What clients are told: `socks5h://…`.
    pub fn url(&self) -> String {
        format!("socks5h://{}", self.address)
    }

    /// Everything that was asked for, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A client that goes wrong is let go; the test that expected something else fails by what is missing.
fn serve(client: TcpStream, names: &BTreeMap<String, SocketAddr>, asked: &Mutex<Vec<Asked>>) {
    if let Ok((client, relay)) = greet(client, names, asked) {
        join(client, relay).ok();
    }
}

fn greet(
    mut client: TcpStream,
    names: &BTreeMap<String, SocketAddr>,
    asked: &Mutex<Vec<Asked>>,
) -> io::Result<(TcpStream, TcpStream)> {
    let [version, methods] = bytes(&mut client)?;
    let mut offered = vec![0; usize::from(methods)];
    client.read_exact(&mut offered)?;
    // Without credentials nothing keeps connections apart.
    if version != 5 || !offered.contains(&2) {
        client.write_all(&[5, 0xFF])?;
        return Err(io::ErrorKind::InvalidData.into());
    }
    client.write_all(&[5, 2])?;
    let [_version] = bytes(&mut client)?;
    let credentials = (counted(&mut client)?, counted(&mut client)?);
    client.write_all(&[1, 0])?;
    let [_version, _connect, _reserved, kind] = bytes(&mut client)?;
    let name = match kind {
        1 => bytes::<4>(&mut client).map(|_| None)?,
        3 => Some(String::from_utf8_lossy(&counted(&mut client)?).into_owned()),
        _ => bytes::<16>(&mut client).map(|_| None)?,
    };
    let _port: [u8; 2] = bytes(&mut client)?;
    let leads = name.as_ref().and_then(|name| names.get(name)).copied();
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { credentials, name });
    let relay = leads.map(TcpStream::connect).transpose()?;
    let code = if relay.is_some() { 0 } else { 4 };
    client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0])?;
    relay.map(|relay| (client, relay)).ok_or_else(|| io::ErrorKind::HostUnreachable.into())
}

fn join(mut client: TcpStream, mut relay: TcpStream) -> io::Result<()> {
    let (mut back, mut from_relay) = (client.try_clone()?, relay.try_clone()?);
    std::thread::spawn(move || {
        io::copy(&mut from_relay, &mut back).ok();
        back.shutdown(Shutdown::Both).ok();
    });
    io::copy(&mut client, &mut relay)?;
    relay.shutdown(Shutdown::Write)
}

fn bytes<const N: usize>(from: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn counted(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let [count] = bytes(from)?;
    let mut bytes = vec![0; usize::from(count)];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
