/**
 * What people make passwords of, without marks, in lower case. Each entry stands for all that is usually made of it:
 * other cases, letters replaced by look-alikes, years, rows of digits, signs, doublings and pairs of entries.
 */
const GROUPS = {
  secrets: `
    password passwort passwd passw passwords passme pass parola parole passport mypass mypassword thepassword nopassword
    newpassword changeme changeit change secret secrets topsecret letmein letme letmesee openup opensesame sesame welcome
    welcomes hello hellohello helloworld hallo bonjour hola login logmein logon signin access accessgranted enter unlock
    default guest admin admins administrator administrador root toor rootroot user username userpass test tester testing
    testtest temp temporary demo sample example system server service support manager master masterkey owner oracle mysql
    postgres redis docker ubuntu debian windows linux cisco nothing nopass none null undefined whatever something anything
    idontknow dontknow iforgot forgotit forget forgetit remember private security secure safe password1password trustno1
    trustme qwerty azerty qwertz keyboard computer laptop internet website google facebook zalo youtube twitter instagram
    contrasena clave senha motdepasse wachtwoord haslo woaini woaini520 woaini1314 5201314 5201314520 google.com
    tiktok telegram yahoo hotmail gmail outlook apple iphone samsung nokia android microsoft amazon netflix discord spotify
    myspace linkedin dropbox adobe adobe123 photoshop macromedia
  `,
  affection: `
    iloveyou iloveu ilovey iloveme ilovehim iloveher ilovegod ilovejesus ilovemom ilovemymom ilovemyself iloveyousomuch
    iloveyoubaby iloveyouforever loveyou lovely lover lovers loveme lovelove loveforever love loves loved mylove truelove
    onelove baby babygirl babyboy babies babylove honey sweetheart sweety sweetie sweet darling angel angels angelo kiss
    kisses kissme hugs heart hearts forever always friend friends bestfriend friendship family mother father mommy mummy
    daddy brother sister sisters princess prince queen king kingdom beautiful gorgeous pretty handsome sexy hottie playboy
    playgirl bitch bitches fuckyou fuckme fuckoff asshole pussy cumming blowjob lucky lucky7 happy happiness smile smiley
    peace hope faith grace blessed blessing jesus jesuschrist christ christian church heaven godisgood godislove god allah
    buddha amen hallelujah
  `,
  things: `
    dragon monkey shadow sunshine football baseball basketball soccer hockey softball volleyball tennis golfer golf boxing
    superman batman spiderman ironman wolverine avengers marvel joker starwars startrek skywalker darthvader yoda pokemon
    pikachu naruto sasuke hinata goku vegeta dragonball onepiece doraemon nintendo playstation xbox minecraft fortnite
    roblox freefire pubg dota warcraft starcraft counterstrike callofduty gamer games player killer slayer ninja samurai
    warrior hunter hunter2 ranger knight wizard merlin gandalf hobbit harrypotter hogwarts matrix phoenix eagle eagles
    falcon falcons hawk tiger tigers tigger lion lions panther panthers jaguar leopard wolf wolves bear bears bulldog
    puppy doggie dogs kitty kitten cats hellokitty snoopy garfield mickey minnie donald bambi barney elephant dolphin
    dolphins shark turtle rabbit bunny butterfly spider scorpion snake cobra viper mustang bronco broncos horse horses
    chicken turkey banana bananas apple apples orange oranges lemon cherry strawberry peaches pumpkin chocolate cookie
    cookies cheese cheesecake pepper ginger coffee coffeecup whiskey budweiser pepsi cocacola coca mcdonalds pizza burger
    flower flowers sunflower rainbow summer winter spring autumn snowball snowman snow thunder lightning storm rain ocean
    river beach island mountain diamond crystal silver golden gold purple yellow orange blue green black white red pink
    bluesky blacky blackcat midnight moon moonlight stars star starlight skyline sky space galaxy universe earth world
    freedom liberty america canada england london paris berlin russia china japan tokyo korea brasil brazil mexico
    barcelona realmadrid madrid chelsea arsenal liverpool manchester manutd united juventus milan inter bayern cowboys
    steelers yankees lakers redsox raiders packers rangers patriots chicago boston dallas texas newyork florida
    california ferrari porsche mercedes toyota honda yamaha suzuki kawasaki ducati harley corvette camaro chevy
    jordan jordan23 michael23 iverson kobe lebron messi ronaldo neymar beckham zidane maradona eminem metallica nirvana
    slipknot greenday linkinpark blink182 beatles acdc ironmaiden guitar music musica piano drummer rock rockstar rocknroll
    hiphop dance dancer party school college student teacher doctor police soldier army marine navy sniper bullet
    pistol gunner fire fireman firefly money dollar dollars cash million millionaire billion rich bitcoin crypto ethereum
    dogecoin blockchain trader trading trade stock stocks investor investing invest finance bank banker market bull
    india indonesia pakistan philippines thailand singapore malaysia sayang bismillah maverick billionaire forex
    business office company work worker boss monday friday sunday january february march april june july august september
    october november december one two three four five six seven eight nine zero number number1 numberone
    naked nipples porn penis vagina sexsex hardcore mother1 bigdick bigcock ncc1701 thx1138 rush2112 bond007 agent007
    james007 supernova super superstar superuser power powerful legend legends champion winner victory hero heroes magic
    mystery dreams dreamer dream genius crazy creative cool coolguy awesome amazing fantastic special
    abcdef abc abcd qwe asd zxc xyz
  `,
  names: `
    michael michelle jennifer jessica ashley amanda nicole daniel daniela david andrew andrea anthony joshua matthew
    christopher chris christian christina robert roberto richard ricardo thomas charles charlie charlotte william joseph
    james jordan justin jason brandon brian bryan kevin steven stephanie samantha elizabeth melissa rebecca patricia
    patrick peter paul george gabriel gabriela alexander alexandra alexandre alexis alex alejandro alejandra carlos maria
    mariana martin marcus maggie victoria vanessa veronica vincent nicholas nathan natalie natasha oliver olivia emily
    emma hannah heather jasmine katherine kimberly lauren laura linda lisa lucas lucy madison morgan monica sandra sarah
    sophie sophia taylor tiffany tyler travis trevor zachary benjamin cameron caroline claudia diamond dakota danielle
    dennis donald edward eduardo eric fernando francisco frank freddy gloria harley henry isabella jackson jackie jacob
    jeffrey jeremy jonathan johnny john juliana junior karina larry leonardo louis luis manuel marina mario mark miguel
    mohamed muhammad mohammed ahmed ali murphy oscar pamela pedro phillip rachel raymond ronald russell samuel scott sean
    sebastian sergio shannon simon teresa valentina valeria walter wilson xavier yolanda buster bailey rocky cooper max
    maxwell molly sammy sadie lucky rusty sparky smokey toby casper simba
    nguyen tran pham hoang huynh phan dang bui duong trinh dinh luong vuong truong
    anh tuan tuananh minh minhanh minhtuan hung manhhung dung tiendung long hailong linh thuylinh huong thuhuong thao
    phuongthao trang thutrang huyentrang phuong thuphuong lan mai hoa ngoc ngocanh bichngoc thuy thanh thanhthuy quang
    khanh quockhanh nam hoangnam hai hoanghai duc minhduc dat tung thanhtung vinh phuc khoa dangkhoa bao giabao nhung
    hongnhung nga yen hoangyen van tam kiet tuankiet huy quanghuy giahuy hieu trunghieu son thang toan trung viet cuong
    hanh hang hien hoai kim kieu lam loan loc long ly my nhi nhu oanh quan quynh sang tai tan thinh tho thu thuong tien
    tin tram tri tu tuyen tuyet uyen vi vu vy xuan
  `,
  vietnamese: `
    matkhau matkhaucuatoi matkhaumoi matma bimat tuyetmat khongbiet khongco khongnho khongquen quenmatkhau quenroi
    dangnhap taikhoan nguoidung quantri xinchao chaoban chao alo
    anhyeuem emyeuanh yeuanh yeuem yeuemnhieu yeuanhnhieu yeuemmaimai yeuanhmaimai anhnhoem emnhoanh nhoem nhoanh
    toiyeuban toiyeuem toiyeuvietnam tinhyeu tinhban tinhdau yeu yeuban yeumai yeuthuong thuong thuongem nguoiyeu
    banthan banbe giadinh giadinhtoi bome mebo bame conyeume conyeubo conyeu yeume yeubo meyeucon boyeucon vochong vo
    chong voyeu chongyeu conga congai contrai embe beyeu cunyeu meoconlatoi meocon chocon heocon lonton gaubong thobong
    maimai maimaiyeuem maimaibenem hanhphuc maymaman mayman thanhcong vuive vui buon codon motminh nuocmat kyniem
    sinhnhat chucmung tetnguyendan tuoitre tuoitho thanhxuan hoctro hocsinh sinhvien giaovien thaygiao cogiao bacsi
    congan bodoi kysu giamdoc congty ketoan nhanvien
    deptrai xinhgai xinhdep dangyeu congchua hoangtu hoanghau nuhoang thienthan thiensu thienduong taovodich emlacuaanh embeyeu
    ngoisao mattroi mattrang bautroi giomua muaxuan muaha muathu muadong hoahong hoasen hoamai hoadao hoalan
    huongduong bienxanh songbien dongsong
    vietnam vietnamvodich hanoi saigon hochiminh tphcm hcm danang haiphong cantho nhatrang dalat hue vungtau quangninh
    quangnam nghean thanhhoa namdinh thaibinh binhduong dongnai phuquoc sapa halong vinhomes viettel vinaphone mobifone
    vietcombank techcombank vingroup vinfast fpt
    bongda vodich sieunhan sieusao dochanh cauthu congphuong quanghai
    chungkhoan cophieu cophieu dautu nhadautu traiphieu vnindex taichinh kinhdoanh tienbac kiemtien nhieutien giaucolen
    lamgiau trieuphu typhu ngheo tien vang nganhang
    motnamba mothaiba motngay haiba namsau namchin lienquan dotkich vltk volam volamtruyenky tamquoc
    dkm dcm vcl vkl clgt cailon conme concho ditme
  `,
};

/** Every entry once. */
export const COMMON_WORDS: readonly string[] = [
  ...new Set(
    Object.values(GROUPS)
      .join(" ")
      .split(/\s+/)
      .filter((word) => word !== ""),
  ),
];

/** How fingers move: rows, columns and zigzags of keyboards and number pads, read from either end. */
export const WALKS: readonly string[] = [
  "`1234567890-=",
  "qwertyuiop[]\\",
  "asdfghjkl;'",
  "zxcvbnm,./",
  "~!@#$%^&*()_+",
  "azertyuiop",
  "qsdfghjklm",
  "wxcvbn",
  "qwertzuiop",
  "yxcvbnm",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
  "1qaz!qaz2wsx@wsx3edc#edc",
  "!qaz@wsx#edc$rfv%tgb^yhn&ujm",
  "1qaz@wsx3edc$rfv5tgb^yhn",
  "!qaz2wsx#edc4rfv%tgb6yhn",
  "zaq12wsxcde34rfvbgt56yhn",
  "zaq1xsw2cde3vfr4bgt5nhy6mju7",
  "zaq1@wsxcde3$rfv",
  "qazwsxedcrfvtgbyhnujmikolp",
  "qazxswedcvfrtgbnhyujm",
  "q1w2e3r4t5y6u7i8o9p0",
  "1q2w3e4r5t6y7u8i9o0p",
  "a1s2d3f4g5h6j7k8l9",
  "1a2s3d4f5g6h7j8k9l",
  "z1x2c3v4b5n6m7",
  "1z2x3c4v5b6n7m",
  "a1b2c3d4e5f6g7h8",
  "1a2b3c4d5e6f7g8h",
  "qweasdzxc",
  "123qweasdzxc",
  "qweasd123",
  "qwerasdfzxcv1234",
  "1234qwerasdfzxcv",
  "asdfqwerzxcv",
  "qawsedrftgyhujikolp",
  "aqwzsxedc",
  "147258369",
  "147852369",
  "741852963",
  "159357258456",
  "159753",
  "951753852456",
  "789456123",
  "123654789",
  "123698745",
  "14789632",
  "1029384756",
  "11223344556677889900",
  "111222333444555666777888999000",
  "11112222333344445555",
  "aabbccddeeffgghh",
  "aaabbbcccdddeee",
  "010203040506070809101112",
  "102030405060708090",
];
