//! What a test does to topics behind the program's back.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const LIMIT: Duration = Duration::from_secs(30);

/// Deletes the records of each partition of a topic below its offset.
pub fn delete_below(bootstrap: &str, topic: &str, offsets: &[i64]) {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in (0..).zip(offsets) {
        list.add_partition_offset(topic, partition, Offset::Offset(*offset))
            .expect("an offset");
    }
    let done = wait(client(bootstrap).delete_records(&list, &AdminOptions::new()));
    for element in done.expect("records deleted").elements() {
        element.error().expect("records deleted");
    }
}

/// Creates a topic.
pub fn create(bootstrap: &str, topic: &str, partitions: i32) {
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let done = wait(client(bootstrap).create_topics([&new], &AdminOptions::new()));
    for result in done.expect("an answer") {
        result.expect("a topic created");
    }
}

/// Deletes a topic.
pub fn delete(bootstrap: &str, topic: &str) {
    let done = wait(client(bootstrap).delete_topics(&[topic], &AdminOptions::new()));
    for result in done.expect("an answer") {
        result.expect("a topic deleted");
    }
}

fn client(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    let client = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create();
    client.expect("an admin client")
}

/// The program's tests have no runtime: this is all that one would do.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let (mut future, deadline) = (pin!(future), Instant::now() + LIMIT);
    loop {
        if let Poll::Ready(done) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return done;
        }
        assert!(Instant::now() < deadline, "the broker does not answer");
        thread::sleep(Duration::from_millis(5));
    }
}
