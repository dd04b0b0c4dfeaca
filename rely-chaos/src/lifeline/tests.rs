#[cfg(feature = "axum")]
use std::future::IntoFuture;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// A client and the server's end of its connection.
async fn pair(listener: &mut MortalListener) -> (TcpStream, MortalStream) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

async fn assert_refused(address: SocketAddr) {
    let error = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

async fn assert_reset(client: &mut TcpStream) {
    let mut sink = vec![0; 1 << 16];
    loop {
        match client.read(&mut sink).await {
            Ok(0) => panic!("closed politely"),
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_kill_refuses_connects_and_resets_what_is_open() {
    let line = Lifeline::new("a");
    let mut listener = line.listener(bind().await);
    let address = listener.local_addr().unwrap();
    let (mut first, mut server) = pair(&mut listener).await;
    let (mut second, _other) = pair(&mut listener).await;
    let (third, closed) = pair(&mut listener).await;
    drop((third, closed));
    server.write_all(b"half").await.unwrap();
    assert_eq!(line.holds(), Killed { listeners: 1, connections: 2, tasks: 0 });

    // Connected, and never accepted.
    let mut queued = TcpStream::connect(address).await.unwrap();
    let killed = line.clone().kill_now();
    assert_eq!(killed, Killed { listeners: 1, connections: 2, tasks: 0 });
    assert!(!line.is_alive() && listener.is_killed() && server.is_killed());
    assert_refused(address).await;
    for client in [&mut first, &mut second, &mut queued] {
        assert_reset(client).await;
    }
    assert_eq!(listener.accept().await.unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(server.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.write_all(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(server.with_socket(TcpStream::nodelay).is_err());
    assert_eq!(line.kill_now(), Killed::default(), "there is nothing left to kill");
}

#[tokio::test]
async fn those_who_wait_are_woken() {
    let line = Lifeline::new("a");
    let mut listener = line.listener(bind().await);
    let (_client, server) = pair(&mut listener).await;
    let (mut reads, mut writes) = tokio::io::split(server);
    // Not on the line, so that nothing but the sockets ends them.
    let accepting = tokio::spawn(async move { listener.accept().await.map(|_| ()) });
    let reading = tokio::spawn(async move { reads.read_u8().await });
    let writing = tokio::spawn(async move {
        let bytes = vec![0; 1 << 20];
        loop {
            if let Err(error) = writes.write_all(&bytes).await {
                return error;
            }
        }
    });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(!accepting.is_finished() && !reading.is_finished() && !writing.is_finished());
    line.kill_now();
    assert_eq!(accepting.await.unwrap().unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(reading.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(writing.await.unwrap().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_connection_dies_though_its_task_hangs() {
    let line = Lifeline::new("a");
    let mut listener = line.listener(bind().await);
    let (mut client, server) = pair(&mut listener).await;
    let (free, hang) = oneshot::channel::<()>();
    let owner = tokio::spawn(async move {
        let _ = hang.await;
        server.is_killed()
    });
    assert_eq!(line.kill_now().connections, 1);
    assert_reset(&mut client).await;
    assert!(!owner.is_finished());
    free.send(()).unwrap();
    assert!(owner.await.unwrap());
}

#[tokio::test]
async fn tasks_are_aborted_and_finished_ones_do_not_count() {
    let line = Lifeline::new("a");
    for _ in 0..100 {
        line.spawn(async {}).await.unwrap();
    }
    let running = line.spawn(core::future::pending::<()>());
    let mine = tokio::spawn(core::future::pending::<()>());
    line.hold(mine.abort_handle());
    assert!(line.life().task_handles() < 20, "finished tasks are let go of");
    assert_eq!(line.kill_now(), Killed { listeners: 0, connections: 0, tasks: 2 });
    assert!(running.await.unwrap_err().is_cancelled());
    assert!(mine.await.unwrap_err().is_cancelled());
    assert!(line.spawn(core::future::pending::<()>()).await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_new_life_takes_the_same_port_and_nothing_of_the_old_one() {
    let line = Lifeline::new("a");
    let mut old = line.listener(bind().await);
    let address = old.local_addr().unwrap();
    let (mut client, _server) = pair(&mut old).await;
    line.kill_now();
    assert_reset(&mut client).await;
    assert!(line.listener(bind().await).is_killed(), "dead");

    line.revive();
    let mut new = line.listener(TcpListener::bind(address).await.unwrap());
    line.revive();
    assert_eq!(line.holds().listeners, 1, "reviving the living changes nothing");
    let (mut client, mut server) = pair(&mut new).await;
    server.write_all(b"back").await.unwrap();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"back");
    assert!(old.is_killed() && old.accept().await.is_err());
    drop(new);
    assert_refused(address).await;
    assert_eq!(line.holds(), Killed { listeners: 0, connections: 1, tasks: 0 });
}

#[tokio::test]
async fn a_line_is_an_instance() {
    let instance: Arc<dyn Instance> = Arc::new(Lifeline::new("zone a"));
    assert_eq!((instance.name(), instance.is_alive()), ("zone a", true));
    assert_eq!(Arc::new(Arc::clone(&instance)).kill().await.unwrap(), Killed::default());
    assert!(!instance.is_alive());
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn an_axum_server_dies_in_the_middle_of_an_answer() {
    use axum::Router;
    use axum::routing::get;

    let line = Lifeline::new("a");
    let serve = |tcp: TcpListener| {
        let listener = line.listener(tcp);
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/hang", get(core::future::pending::<&'static str>));
        line.spawn(async move { axum::serve(listener, app).await });
        address
    };
    let ask = async |address: SocketAddr, path: &str| {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        client
    };
    let hello = async |client: &mut TcpStream| {
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            assert!(client.read_buf(&mut answer).await.unwrap() > 0);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    };

    let address = serve(bind().await);
    let mut idle = ask(address, "/").await;
    hello(&mut idle).await;
    let mut waiting = ask(address, "/hang").await;
    while line.holds().connections < 2 {
        tokio::task::yield_now().await;
    }
    let killed = line.kill_now();
    assert_eq!(killed, Killed { listeners: 1, connections: 2, tasks: 1 });
    assert_reset(&mut idle).await;
    assert_reset(&mut waiting).await;
    assert_refused(address).await;

    line.revive();
    assert_eq!(serve(TcpListener::bind(address).await.unwrap()), address);
    hello(&mut ask(address, "/").await).await;
}

#[tokio::test]
async fn an_experiment_kills_a_zone_and_brings_it_back() {
    use crate::experiment::{Experiment, KillAction};
    use core::sync::atomic::{AtomicBool, Ordering};
    use core::time::Duration;
    use rely_core::{Clock, Level, Verdict};

    let line = Lifeline::new("zone a");
    let serve = |line: &Lifeline, tcp: TcpListener| {
        let mut listener = line.listener(tcp);
        line.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"up").await;
            }
        });
    };
    let tcp = bind().await;
    let address = tcp.local_addr().unwrap();
    serve(&line, tcp);

    let (clock, manual) = Clock::manual();
    let up = Arc::new(AtomicBool::new(true));
    let (steady, again, zone) = (Arc::clone(&up), Arc::clone(&up), line.clone());
    let kill = KillAction::new(line.clone()).restart_with(move || {
        let (zone, up) = (zone.clone(), Arc::clone(&again));
        async move {
            zone.revive();
            serve(&zone, TcpListener::bind(address).await?);
            up.store(true, Ordering::SeqCst);
            Ok(())
        }
    });
    let experiment = Experiment::builder("zone outage")
        .clock(clock)
        .steady_state("the zone answers", move |now| {
            let up = steady.load(Ordering::SeqCst);
            Verdict::new(if up { Level::Healthy } else { Level::Unhealthy }, now)
        })
        .inject_at(Duration::from_secs(1), kill)
        .lasting(Duration::from_secs(10))
        .build()
        .unwrap();
    let run = tokio::spawn(experiment.run());
    while line.is_alive() {
        tokio::task::yield_now().await;
        manual.advance_to_next_timer();
    }
    up.store(false, Ordering::SeqCst);
    assert_refused(address).await;
    while !run.is_finished() {
        tokio::task::yield_now().await;
        manual.advance_to_next_timer();
    }
    let report = run.await.unwrap();
    assert!(report.held(), "{report}");
    let evidence = &report.faults[0].evidence;
    assert_eq!((&*evidence[0].name, evidence[0].value), ("killed_listeners", 1.0));
    let mut client = TcpStream::connect(address).await.unwrap();
    let mut answer = [0; 2];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"up");
}

/// Connections come and go while another thread kills, at any moment of theirs.
#[test]
fn a_kill_from_another_thread_leaves_no_connection_usable() {
    for round in 1..60 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let line = Lifeline::new("a");
        let (go, gone) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let doomed = line.clone();
            let killer = scope.spawn(move || {
                gone.recv().unwrap();
                doomed.kill_now()
            });
            runtime.block_on(async {
                let mut listener = line.listener(bind().await);
                let address = listener.local_addr().unwrap();
                let server = tokio::spawn(async move {
                    let mut kept = Vec::new();
                    for accepted in 1.. {
                        match listener.accept().await {
                            // Some go at once, perhaps under the hands of the kill.
                            Ok((stream, _)) if accepted % 3 == 0 => drop(stream),
                            Ok((stream, _)) => kept.push(stream),
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::NotConnected);
                                break;
                            }
                        }
                        if accepted == round {
                            go.send(()).unwrap();
                        }
                    }
                    kept
                });
                let mut clients = Vec::new();
                while let Ok(client) = TcpStream::connect(address).await {
                    clients.push(client);
                }
                let kept = server.await.unwrap();
                assert_eq!(killer.join().unwrap().listeners, 1);
                for mut stream in kept {
                    assert!(stream.is_killed());
                    assert!(stream.write_all(b"more").await.is_err());
                }
            });
        });
        assert_eq!(line.holds(), Killed::default());
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_handler_off_the_line_ends_with_its_connection() {
    use axum::Router;
    use axum::routing::get;

    let line = Lifeline::new("a");
    let listener = line.listener(bind().await);
    let address = listener.local_addr().unwrap();
    let held = Arc::new(());
    let inner = Arc::clone(&held);
    let app = Router::new().route(
        "/",
        get(move || {
            let held = Arc::clone(&inner);
            async move {
                core::future::pending::<()>().await;
                drop(held);
            }
        }),
    );
    let (drain, drained) = oneshot::channel::<()>();
    let drained = async move { drop(drained.await) };
    let server =
        tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(drained).into_future());
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    while Arc::strong_count(&held) < 3 {
        tokio::task::yield_now().await;
    }
    line.kill_now();
    assert_reset(&mut client).await;
    // Nothing is left that a graceful shutdown would wait for.
    drop(drain);
    server.await.unwrap().unwrap();
    assert_eq!(Arc::strong_count(&held), 1);
}
