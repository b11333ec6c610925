//! Application messages: sent to all, read in any order, some of them late, some never.

use mls::{Decode, Encode, MlsMessage, Random, Received};

use crate::Failure;
use crate::member::Letter;
use crate::world::Soak;

/// The longest application data.
const DATA_BYTES_MAX: usize = 512;

/// Nobody speaks while somebody has so much to read.
const MAIL_MAX: usize = 48;

/// One letter in so many is lost.
const LOST_ONE_IN: usize = 40;

impl Soak {
    /// Somebody speaks, if nothing is waiting for a commit.
    pub(crate) fn say(&mut self) -> Result<bool, Failure> {
        let who = self.any_inside()?;
        if self.members.iter().any(|member| member.mail.len() >= MAIL_MAX)
            || self.members[who].group()?.pending_proposals().next().is_some()
        {
            return Ok(false);
        }
        let mut data = vec![0; self.random.below(DATA_BYTES_MAX + 1)];
        self.random.fill(&mut data)?;
        let speaker = &mut self.members[who];
        let epoch = speaker.group()?.epoch();
        let said = speaker.group()?.protect(&data, b"open", &mut self.random);
        let message = speaker.save(said)?.to_bytes();
        for (index, member) in self.members.iter_mut().enumerate() {
            if member.is_inside() {
                let (message, data) = (message.clone(), data.clone());
                member.mail.push(Letter { epoch, own: index == who, message, data });
            }
        }
        self.tally.count("application messages sent");
        Ok(true)
    }

    /// Somebody reads a few letters, in any order.
    pub(crate) fn read(&mut self) -> Result<bool, Failure> {
        let who = self.any_inside()?;
        if self.members[who].mail.is_empty() {
            return Ok(false);
        }
        for _ in 0..=self.random.below(4) {
            let letters = self.members[who].mail.len();
            if letters == 0 {
                break;
            }
            let place = self.random.below(letters);
            let letter = self.members[who].mail.swap_remove(place);
            if self.one_in(LOST_ONE_IN) {
                self.tally.count("application messages lost");
            } else {
                self.read_letter(who, &letter)?;
            }
        }
        Ok(true)
    }

    fn read_letter(&mut self, who: usize, letter: &Letter) -> Result<(), Failure> {
        let (now, again) = (self.now, self.one_in(8));
        let member = &mut self.members[who];
        let past_epochs_max = u64::try_from(member.client.settings().past_epochs_max)?;
        let kept = letter.epoch + past_epochs_max >= member.group()?.epoch();
        let message = MlsMessage::from_bytes(&letter.message)?;
        let received = member.group()?.process(&message, now);
        let what = match member.save(received)? {
            Received::Application(read)
                if kept
                    && !letter.own
                    && read.data == letter.data
                    && read.epoch == letter.epoch =>
            {
                if again && member.group()?.process(&message, now).is_ok() {
                    return Err("a message is read twice".into());
                }
                match read.epoch == member.group()?.epoch() {
                    true => "application messages read",
                    false => "application messages read in a later epoch",
                }
            }
            Received::OwnMessage { epoch } if kept && letter.own && epoch == letter.epoch => {
                "application messages recognised as own"
            }
            Received::OtherEpoch { epoch } if !kept && epoch == letter.epoch => {
                "application messages too late"
            }
            _ => return Err("an application message is not what was sent".into()),
        };
        self.tally.count(what);
        Ok(())
    }
}
